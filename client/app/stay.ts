import type { Channel, Socket } from 'phoenix'
import type { JoinParams } from '../../protocol/index.ts'
import { Room } from '../../server/app/contracts/room.ts'
import { type TypedChannel, typed } from '../typed.ts'
import type { Conversation } from './conversation.ts'
import type { Send } from './outbox.ts'
import { followPeople } from './presence.ts'

/** How long a send may go without its echo. */
const ECHO_TIMEOUT_MS = 10_000

/** How to stay in a room. */
export type StayOptions = {
  /** What to join with. */
  readonly joinParams: JoinParams<typeof Room>
  /** Called whenever there is something new to show. */
  changed(): void
}

/** Join the conversation's room. */
export function enterRoom(socket: Socket, conversation: Conversation, options: StayOptions): Stay {
  const stay = new Stay(socket, conversation, options)
  stay.enter()
  return stay
}

/** One stay in a room, under one name or none; phoenix.js joins again by itself when it is interrupted. */
export class Stay {
  readonly #room: TypedChannel<typeof Room, Channel>
  readonly #conversation: Conversation
  readonly #options: StayOptions
  #isOver = false

  constructor(socket: Socket, conversation: Conversation, options: StayOptions) {
    this.#room = typed(Room, socket.channel(`room:${conversation.room}`, options.joinParams))
    this.#conversation = conversation
    this.#options = options
  }

  /** Join; to be called once. */
  enter(): void {
    const { channel } = this.#room
    const conversation = this.#conversation
    conversation.enter()
    this.#room.on('new_msg', ({ body }) => this.#during(() => conversation.heard(body, Date.now())))
    channel.onError(() => this.#during(() => conversation.lost(Date.now())))
    channel.onClose(() => this.#during(() => conversation.closed(Date.now())))
    // These are called at each join, a promise would settle at the first.
    channel
      .join()
      .receive('ok', () => this.#during(() => this.#joined()))
      .receive('error', (response) => this.#during(() => conversation.refused(reasonOf(response))))
  }

  send(body: string): void {
    this.#during(() => this.#push(this.#conversation.write(body)))
  }

  retry(id: number): void {
    this.#during(() => this.#push(this.#conversation.retry(id)))
  }

  discard(id: number): void {
    this.#during(() => this.#conversation.outbox.remove(id))
  }

  leave(): void {
    this.#end(() => this.#conversation.closed(Date.now()))
  }

  /** Leave to come back at once under another name. */
  giveWay(): void {
    this.#end(() => this.#conversation.renamed())
  }

  #joined(): void {
    const { name } = this.#options.joinParams
    // The server tells a guest of changes only, never of those who are here already.
    if (name !== undefined) {
      followPeople(this.#room.channel, (people) => this.#during(() => this.#conversation.met(people)))
    }
    for (const send of this.#conversation.joined(Date.now())) this.#push(send)
  }

  #push(send: Send | null): void {
    if (send === null) return
    const { id, body } = send
    const failed = (failure: string) => this.#during(() => this.#conversation.outbox.fail(id, failure))
    // Untyped, because `new_msg` declares no reply and yet may be refused.
    this.#room.channel
      .push('new_msg', { body }, ECHO_TIMEOUT_MS)
      .receive('error', (response) => failed(`The server refused it: ${reasonOf(response)}.`))
      .receive('timeout', () => failed('The server did not confirm it within 10 seconds.'))
  }

  #end(tell: () => void): void {
    if (this.#conversation.membership === 'closed') return
    this.#during(tell)
    this.#isOver = true
    this.#room.channel.leave()
  }

  // The channel says goodbye after we have left, when the conversation may be in its next stay.
  #during(act: () => void): void {
    if (this.#isOver) return
    act()
    this.#options.changed()
  }
}

function reasonOf(response: unknown): string {
  const reason =
    typeof response === 'object' && response !== null && 'reason' in response ? response.reason : null
  return typeof reason === 'string' ? reason : 'no reason given'
}
