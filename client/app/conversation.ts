import { notifications } from '../../server/app/contracts/room.ts'
import type { Cursor } from '../typed.ts'
import { type Author, type Identity, isAuthor, type Signed } from './identity.ts'
import { MessageLog } from './messages.ts'
import { Outbox, type Send } from './outbox.ts'
import type { Person } from './people.ts'
import { Typists } from './typists.ts'

/**
 * State of the page's membership in the room. phoenix.js joins again after `lost` and `refused`, but not after
 * `forbidden` and `closed`.
 */
export type Membership = 'joining' | 'joined' | 'lost' | 'refused' | 'forbidden' | 'closed'

/**
 * Message from the server. `_seq` is the message's sequence number in the topic's history; undefined if the history
 * does not keep the message.
 */
export type Said = Signed & { readonly body: string; readonly _seq?: number }

/** Returns true if the payload is a message. An operator can broadcast any payload. */
export function isSaid(payload: unknown): payload is Said {
  const { body, id = '', from, _seq = 0 } = Object(payload)
  const isSigned = typeof id === 'string' && (from === undefined || isAuthor(from))
  return isSigned && typeof body === 'string' && typeof _seq === 'number'
}

/** Recovery data in the reply to a join. The server sends the missed messages from `seq + 1` to `head`. */
export type Recovery = Cursor & { readonly head: number }

/** Times at which the messages of the topic's history were sent. */
export type Times = {
  readonly epoch: string
  readonly messages: readonly { readonly seq: number; readonly at: number }[]
}

/** State of one room on this page. The state remains when a room session ends. Times are in milliseconds since 1970. */
export class Conversation {
  readonly room: string
  readonly log = new MessageLog()
  readonly outbox = new Outbox()
  readonly typists = new Typists()
  readonly #me: Identity
  #membership: Membership = 'joining'
  #refusal = ''
  #people: readonly Person[] = []
  #unread = 0
  /** Position of the last message that the page has received; null before the first join. */
  #cursor: Cursor | null = null
  /**
   * Messages after this position count as new at the next join. Initially the stored position (null if there is none),
   * later the position of the last received message. Null while the room is joined.
   */
  #left: Cursor | null
  /** Messages with this `seq` or a larger one count as new. Set at each join. */
  #newFrom = 0
  /** `seq` of the latest message in the history at the time of the join. */
  #head = 0
  #isNewLineDue = false
  #times: ReadonlyMap<string, number> = new Map()

  /** `left` is the stored position up to which the user has read the room; null if no position is stored. */
  constructor(room: string, me: Identity, left: Cursor | null = null) {
    this.room = room
    this.#me = me
    this.#left = left
  }

  get cursor(): Cursor | null {
    return this.#cursor
  }

  get membership(): Membership {
    return this.#membership
  }

  /** Server's reason for refusing the last join. */
  get refusal(): string {
    return this.#refusal
  }

  /** Members who have a name. Empty until the presence state arrives, and always empty if the user is a guest. */
  get people(): readonly Person[] {
    return this.#people
  }

  /** Number of messages from others since the user last looked at the room. */
  get unread(): number {
    return this.#unread
  }

  /** Reset the number of unread messages, because the user looks at the room. */
  read(): void {
    this.#unread = 0
  }

  /** Begin a room session. Until the page has joined, messages of the user are queued. */
  enter(): void {
    this.#membership = 'joining'
  }

  /** Handle the successful join. Returns the messages to push now. */
  joined(now: number, recovery: Recovery | null = null): readonly Send[] {
    if (recovery !== null) this.#goOn(recovery, now)
    this.#membership = 'joined'
    return this.outbox.take()
  }

  /** Mark a gap, because the server no longer has all messages that the page missed. */
  missed(now: number): void {
    this.log.addGap(now)
  }

  /** Set the times of the messages in the history. The times can arrive before or after the messages. */
  timed({ epoch, messages }: Times): void {
    this.#times = new Map(messages.map(({ seq, at }) => [placeOf({ epoch, seq }), at]))
    this.log.setTimes(this.#times)
  }

  /** Handle a join that the server refused. phoenix.js retries the join later. */
  refused(reason: string): void {
    this.#membership = 'refused'
    this.#refusal = reason
    this.outbox.doubt(`The server refused the join: ${reason}.`)
  }

  /** Handle a join that the server refused because the user is not allowed in the room. A retry would not help. */
  forbidden(): void {
    this.#membership = 'forbidden'
    this.#people = []
    this.outbox.doubt('You are no longer allowed in this room.')
  }

  /**
   * Handle a lost connection or a crashed channel. Pushed messages become unconfirmed: the server may not have received
   * them.
   */
  lost(): void {
    this.#end('lost', 'The conversation was interrupted before the server confirmed the message.')
  }

  /** Handle the end of a room session that the server or the user has closed. */
  closed(): void {
    this.#end('closed', 'Your session in this room ended before the server confirmed the message.')
  }

  /**
   * Prepare for a new session in this room. The user has another name in the new session. The new session begins
   * immediately and continues after the last received message.
   */
  renamed(): void {
    this.#people = []
    this.outbox.doubt('You changed your name before the server confirmed the message.')
  }

  /** Set the members of the room. */
  met(people: readonly Person[]): void {
    this.#people = people
  }

  /**
   * Add a message from the server. If the user wrote the message, it is confirmed and leaves the outbox, even after the
   * message's timeout.
   */
  heard(said: Said, now: number): void {
    const { id, from, body, _seq: seq } = said
    const isOwn = this.#me.isAuthorOf(said)
    if (isOwn && id !== undefined) this.outbox.remove(id)
    this.typists.stopped(from)
    const sender = isOwn ? 'me' : (from?.id ?? '')
    const isPing =
      seq === undefined && from === undefined && id === undefined && notifications[this.room] === body
    const kind = isOwn ? 'own' : isPing ? 'background' : 'other'
    const isNew = seq === undefined || seq >= this.#newFrom
    if (seq !== undefined && isNew && kind === 'other') this.#drawNewLine(seq, now)
    const place = this.#move(seq)
    const origin = { from: from ?? null, key: id === undefined ? null : `${sender}/${id}`, place }
    const at = this.#times.get(place ?? '') ?? now
    if (this.log.add(kind, body, at, origin) && isNew && kind === 'other') this.#unread += 1
  }

  /** Record that a user is typing. `from` is undefined for a guest. */
  typing(from: Author | undefined, now: number): void {
    if (from?.id !== this.#me.id) this.typists.heard(from, now)
  }

  /** Queue a message of the user. Returns the messages to push now; empty until the page has joined. */
  write(body: string): readonly Send[] {
    this.outbox.add(this.#me.messageId(), body)
    return this.#ready()
  }

  /** Queue a message again, with the same id. Returns the messages to push now. */
  retry(id: string): readonly Send[] {
    this.outbox.requeue(id)
    return this.#ready()
  }

  #ready(): readonly Send[] {
    return this.#membership === 'joined' ? this.outbox.take() : []
  }

  #goOn({ epoch, seq, head }: Recovery, now: number): void {
    const left = this.#left
    const isSame = left?.epoch === epoch
    // At the first join after a page load, `#cursor` is null, so the channel reports no gap. If the stored position has
    // another epoch, the history was reset in the meantime. Messages may be missing, so mark a gap here.
    if (left !== null && !isSame && this.#cursor === null) this.missed(now)
    this.#newFrom = left === null ? head + 1 : isSame ? left.seq + 1 : 1
    this.#isNewLineDue = isSame
    this.#head = head
    this.#cursor = { epoch, seq }
    this.#left = null
  }

  /** Draw the `new` line before the first message that was sent while the user was away. */
  #drawNewLine(seq: number, now: number): void {
    if (this.#isNewLineDue && seq <= this.#head) this.log.addNew(now)
    this.#isNewLineDue = false
  }

  /**
   * Move the cursor to a received message. Returns the message's epoch and sequence number, as `epoch/seq`; null if the
   * history does not keep the message.
   */
  #move(seq: number | undefined): string | null {
    if (seq === undefined || this.#cursor === null) return null
    this.#cursor = { epoch: this.#cursor.epoch, seq }
    return placeOf(this.#cursor)
  }

  #end(membership: Membership, doubt: string): void {
    if (this.#membership === 'joined') this.#left = this.#cursor
    this.#membership = membership
    this.#people = []
    this.typists.clear()
    this.outbox.doubt(doubt)
  }
}

function placeOf({ epoch, seq }: Cursor): string {
  return `${epoch}/${seq}`
}

/** Text for the state of the room; empty if the page has joined. */
export function membershipText({ membership, refusal }: Conversation): string {
  switch (membership) {
    case 'joining':
      return 'Joining…'
    case 'joined':
      return ''
    case 'lost':
      return 'Interrupted, reconnecting…'
    case 'refused':
      return `The server refused the join: ${refusal}. Trying again…`
    case 'forbidden':
      return 'You are not allowed in this room.'
    case 'closed':
      return 'The server ended your session in this room. Select the room again to rejoin.'
  }
}
