import type { Socket } from 'phoenix'
import { Conversation } from './conversation.ts'
import type { Author, Identity } from './identity.ts'
import { enterRoom, type Stay } from './stay.ts'

/** A room and the user's stay in it, under a name or without. */
export type Visit = {
  readonly conversation: Conversation
  readonly stay: Stay
  readonly name: string | null
}

/** How to go from room to room. */
export type VisitsOptions = {
  readonly me: Identity
  /** Called whenever there is something new to show. */
  changed(): void
}

/** Rooms that stay joined; the server takes 20 of one connection. */
export const MAX_OPEN_ROOMS = 10

/**
 * The rooms that the user is in. A room stays joined when the user goes to another, and is joined again when the
 * user has another name. What was said, and what was not sent, is kept while the page lives.
 */
export class Visits {
  readonly #socket: Socket
  readonly #options: VisitsOptions
  readonly #conversations = new Map<string, Conversation>()
  /** Open visits by their room, the latest last. */
  readonly #visits = new Map<string, Visit>()

  constructor(socket: Socket, options: VisitsOptions) {
    this.#socket = socket
    this.#options = options
  }

  /** The conversations of the rooms that are open, the one visited last at the end. */
  get open(): readonly Conversation[] {
    return Array.from(this.#visits.values(), ({ conversation }) => conversation)
  }

  /** Go to a room. */
  visit(room: string): Visit {
    const known = this.#visits.get(room)
    const visit = known !== undefined && this.#isCurrent(known) ? known : this.#enter(room, known)
    // Set anew, so that it is the latest.
    this.#visits.delete(room)
    this.#visits.set(room, visit)
    const [oldest] = this.#visits.keys()
    if (oldest !== undefined && this.#visits.size > MAX_OPEN_ROOMS) this.leave(oldest)
    return visit
  }

  /** Leave a room. */
  leave(room: string): void {
    this.#visits.get(room)?.stay.leave()
    this.#visits.delete(room)
    this.#options.changed()
  }

  /** Be in every open room under the name that the user has now; gives the visit of one of them. */
  rename(room: string): Visit {
    for (const [open, visit] of this.#visits) {
      if (visit.name !== this.#options.me.name) this.#visits.set(open, this.#enter(open, visit))
    }
    return this.visit(room)
  }

  /** The network is gone. */
  interrupt(): void {
    for (const { stay } of this.#visits.values()) stay.interrupt()
  }

  #isCurrent({ conversation: { membership }, name }: Visit): boolean {
    return membership !== 'closed' && membership !== 'forbidden' && name === this.#options.me.name
  }

  #enter(room: string, known: Visit | undefined): Visit {
    const { me, changed } = this.#options
    if (known !== undefined) known.stay.giveWay()
    const { name, joinParams } = me
    const conversation = this.#conversations.get(room) ?? new Conversation(room, me)
    this.#conversations.set(room, conversation)
    const signedIn = (user: Author | null) => me.signIn(user)
    const stay = enterRoom(this.#socket, conversation, { joinParams, signedIn, changed })
    changed()
    return { conversation, stay, name }
  }
}
