import type { Channel, Socket } from 'phoenix'
import type { Cursor } from '../typed.ts'
import { Conversation, type Times } from './conversation.ts'
import type { Author, Identity } from './identity.ts'
import { enterRoom, type RoomSession } from './room-session.ts'

/** Room that is open on this page, with its room session. `name` is the value of `Identity.name` at the join. */
export type OpenRoom = {
  readonly conversation: Conversation
  readonly session: RoomSession
  readonly name: string | null
}

export type OpenRoomsOptions = {
  readonly me: Identity
  /** Returns the position up to which the user has read a room; null if no position is stored. */
  lastRead(room: string): Cursor | null
  /** Called when the user's token expires soon. `leftMs` is the remaining time in milliseconds. */
  expiring(channel: Channel, leftMs: number): void
  /** Reads the times of a room's latest messages. Resolves with null if the request fails. */
  readTimes(room: string): Promise<Times | null>
  /** Called when the view must be updated. */
  changed(): void
}

/** Maximum number of joined rooms. The server allows 20 per connection. */
export const MAX_OPEN_ROOMS = 10

/**
 * Rooms that the user has joined. A room stays joined when the user opens another room, and is rejoined when the user's
 * name changes. Received and unsent messages are kept as long as the page is open.
 */
export class OpenRooms {
  readonly #socket: Socket
  readonly #options: OpenRoomsOptions
  readonly #conversations = new Map<string, Conversation>()
  /** Open rooms by name, in the order of the latest visits: the most recent is last. */
  readonly #rooms = new Map<string, OpenRoom>()

  constructor(socket: Socket, options: OpenRoomsOptions) {
    this.#socket = socket
    this.#options = options
  }

  /** Conversations of the open rooms, in the order of the latest visits: the most recent is last. */
  get open(): readonly Conversation[] {
    return Array.from(this.#rooms.values(), ({ conversation }) => conversation)
  }

  visit(room: string): OpenRoom {
    const known = this.#rooms.get(room)
    const visit = known !== undefined && this.#isCurrent(known) ? known : this.#enter(room, known)
    // Move the room to the end.
    this.#rooms.delete(room)
    this.#rooms.set(room, visit)
    const [oldest] = this.#rooms.keys()
    if (oldest !== undefined && this.#rooms.size > MAX_OPEN_ROOMS) this.leave(oldest)
    return visit
  }

  leave(room: string): void {
    this.#rooms.get(room)?.session.leave()
    this.#rooms.delete(room)
    this.#options.changed()
  }

  /**
   * Rejoin all open rooms that were joined under the user's former name. Returns `room`, and opens it if it is not
   * open. Does not rejoin rooms that were joined under the current name, even if the server has closed them.
   */
  rename(room: string): OpenRoom {
    for (const [open, visit] of this.#rooms) {
      if (visit.name !== this.#options.me.name) this.#rooms.set(open, this.#enter(open, visit))
    }
    return this.#rooms.get(room) ?? this.visit(room)
  }

  /** Treat the connection as lost, in all open rooms. */
  interrupt(): void {
    for (const { session } of this.#rooms.values()) session.interrupt()
  }

  #isCurrent({ conversation: { membership }, name }: OpenRoom): boolean {
    return membership !== 'closed' && membership !== 'forbidden' && name === this.#options.me.name
  }

  #enter(room: string, known: OpenRoom | undefined): OpenRoom {
    const { me, lastRead, expiring, readTimes, changed } = this.#options
    if (known !== undefined) known.session.replace()
    const { name, joinParams } = me
    const conversation = this.#conversations.get(room) ?? new Conversation(room, me, lastRead(room))
    this.#conversations.set(room, conversation)
    const signedIn = (user: Author | null) => me.signIn(user)
    const options = { joinParams, signedIn, expiring, readTimes, changed }
    const session = enterRoom(this.#socket, conversation, options)
    changed()
    return { conversation, session, name }
  }
}
