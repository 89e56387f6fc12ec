import type { Channel, Socket } from 'phoenix'
import type { JoinParams, JoinReply } from '../../protocol/index.ts'
import { Room } from '../../server/app/contracts/room.ts'
import { recoverable, type TypedChannel, typed } from '../typed.ts'
import { type Conversation, isSaid, type Recovery, type Times } from './conversation.ts'
import { type Author, isAuthor } from './identity.ts'
import type { Send } from './outbox.ts'
import { followPeople } from './presence.ts'
import { TYPING_EVERY_MS } from './typists.ts'

/** Milliseconds to wait for the broadcast of a sent message. After that, the message counts as unconfirmed. */
const ECHO_TIMEOUT_MS = 10_000
/** Server's reason for refusing a user who is not allowed in the room. */
const UNAUTHORIZED = 'unauthorized'
/** Number of latest messages to load at the first join. */
const FIRST_MESSAGES = 100

export type RoomSessionOptions = {
  /** Params of the join. */
  readonly joinParams: JoinParams<typeof Room>
  /** Called at each join. `user` is the user of the token; null if the server requires no tokens. */
  signedIn(user: Author | null): void
  /** Called when the user's token expires soon. `leftMs` is the remaining time in milliseconds. */
  expiring(channel: Channel, leftMs: number): void
  /** Reads the times of a room's latest messages. Resolves with null if the request fails. */
  readTimes(room: string): Promise<Times | null>
  /** Called when the view must be updated. */
  changed(): void
}

/** Join the conversation's room. */
export function enterRoom(
  socket: Socket,
  conversation: Conversation,
  options: RoomSessionOptions,
): RoomSession {
  const session = new RoomSession(socket, conversation, options)
  session.enter()
  return session
}

/**
 * Membership in a room. If the user's name changes, a new session is necessary. phoenix.js rejoins by itself after an
 * interruption.
 */
export class RoomSession {
  readonly #room: TypedChannel<typeof Room, Channel>
  readonly #conversation: Conversation
  readonly #options: RoomSessionOptions
  #isOver = false
  #lastTyped = Number.NEGATIVE_INFINITY

  constructor(socket: Socket, conversation: Conversation, options: RoomSessionOptions) {
    const channel = recoverable(socket, `room:${conversation.room}`, options.joinParams, {
      last: FIRST_MESSAGES,
      since: conversation.cursor,
      onGap: () => this.#during(() => conversation.missed(Date.now())),
    })
    this.#room = typed(Room, channel)
    this.#conversation = conversation
    this.#options = options
  }

  /** Join. Must be called once. */
  enter(): void {
    const { channel } = this.#room
    const conversation = this.#conversation
    conversation.enter()
    // Ignore malformed payloads: the server does not check the broadcasts of an operator.
    this.#room.on('new_msg', (message) => {
      if (isSaid(message)) this.#during(() => conversation.heard(message, Date.now()))
    })
    this.#room.on('typing', (payload) => {
      const { from } = Object(payload)
      if (from !== undefined && !isAuthor(from)) return
      this.#during(() => conversation.typing(from, Date.now()))
    })
    channel.on('token_expiring', (warning) => this.#during(() => this.#warned(warning)))
    channel.onError(() => this.#during(() => conversation.lost()))
    channel.onClose(() => this.#during(() => conversation.closed()))
    // Use callbacks, which run at each join. A promise would settle only once.
    channel
      .join()
      .receive('ok', (reply) => this.#during(() => this.#joined(reply)))
      .receive('error', (response) => this.#refused(reasonOf(response)))
  }

  send(body: string): void {
    this.#lastTyped = Number.NEGATIVE_INFINITY
    this.#during(() => this.#push(this.#conversation.write(body)))
  }

  /** Push `typing`, at most once in `TYPING_EVERY_MS` unless the user has sent a message in between. */
  typed(): void {
    const now = Date.now()
    if (this.#conversation.membership !== 'joined' || now - this.#lastTyped < TYPING_EVERY_MS) return
    this.#lastTyped = now
    this.#room.channel.push('typing', {})
  }

  /** Treat the connection as lost. phoenix.js itself would notice the loss only later. */
  interrupt(): void {
    this.#during(() => this.#conversation.lost())
  }

  retry(id: string): void {
    this.#during(() => this.#push(this.#conversation.retry(id)))
  }

  discard(id: string): void {
    this.#during(() => this.#conversation.outbox.remove(id))
  }

  leave(): void {
    this.#end(() => this.#conversation.closed())
  }

  /** End this session, so that a new session can join the room under the user's new name. */
  replace(): void {
    this.#end(() => this.#conversation.renamed())
  }

  #joined(reply: JoinReply<typeof Room>): void {
    const { user } = reply
    this.#options.signedIn(user ?? null)
    // If the user is a guest, do not follow the members: the server sends guests only changes, never the full list.
    if (user !== undefined || this.#options.joinParams.name !== undefined) {
      followPeople(this.#room.channel, (people) => this.#during(() => this.#conversation.met(people)))
    }
    const recovery = recoveryOf(reply)
    this.#push(this.#conversation.joined(Date.now(), recovery))
    // Read the times of the missed messages, because a message does not contain its time.
    if (recovery !== null && recovery.head > recovery.seq) void this.#readTimes()
  }

  #warned({ expires_in_ms: leftMs }: { readonly expires_in_ms: number }): void {
    this.#options.expiring(this.#room.channel, leftMs)
  }

  async #readTimes(): Promise<void> {
    const times = await this.#options.readTimes(this.#conversation.room)
    if (times !== null) this.#during(() => this.#conversation.timed(times))
  }

  #refused(reason: string): void {
    if (reason !== UNAUTHORIZED) return this.#during(() => this.#conversation.refused(reason))
    // End the session: otherwise phoenix.js would try to rejoin again and again.
    this.#end(() => this.#conversation.forbidden())
  }

  #push(sends: readonly Send[]): void {
    for (const send of sends) {
      const { id, body } = send
      const settle = (state: 'unconfirmed' | 'refused', reason: string) =>
        this.#during(() => this.#conversation.outbox.fail(send, state, reason))
      // Use the untyped channel: the contract declares no reply to `new_msg`, but the server can refuse the message.
      this.#room.channel
        .push('new_msg', { body, id }, ECHO_TIMEOUT_MS)
        .receive('error', (response) =>
          settle('refused', `The server refused the message: ${reasonOf(response)}.`),
        )
        .receive('timeout', () =>
          settle('unconfirmed', 'The server did not confirm the message within 10 seconds.'),
        )
    }
  }

  #end(tell: () => void): void {
    if (this.#isOver || this.#conversation.membership === 'closed') return
    this.#during(tell)
    this.#isOver = true
    this.#room.channel.leave()
  }

  // Ignore events after the end of this session, because the conversation can already have a new session.
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

function recoveryOf(reply: object): Recovery | null {
  const { epoch, seq, head } = Object(Object(reply)._recovery)
  return typeof epoch === 'string' ? { epoch, seq, head } : null
}
