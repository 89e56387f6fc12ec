import { notifications } from '../../server/app/contracts/room.ts'
import type { Cursor } from '../typed.ts'
import type { Author, Identity, Signed } from './identity.ts'
import { MessageLog } from './messages.ts'
import { Outbox, type Send } from './outbox.ts'
import type { Person } from './people.ts'
import { Typists } from './typists.ts'

/** Whether the page is in the room: not yet, yes, soon again, refused for now, not allowed, or no more. */
export type Membership = 'joining' | 'joined' | 'lost' | 'refused' | 'forbidden' | 'closed'

/** A message as it comes from the server, with its place if it is kept. */
export type Said = Signed & { readonly body: string; readonly _seq?: number }

/** How the join's reply says that the page goes on: after `seq`; what is missed ends with `head`. */
export type Recovery = Cursor & { readonly head: number }

/** When kept messages were said. */
export type Times = {
  readonly epoch: string
  readonly messages: readonly { readonly seq: number; readonly at: number }[]
}

/** State of one room on this page, kept over several room sessions. Times are milliseconds since 1970. */
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
  /** How far the page has heard the room; null before it has. */
  #cursor: Cursor | null = null
  /** How far the user had heard it when they left; null if they did not, or never were here. */
  #left: Cursor | null
  /** The first place that is new to the user, and the last that they missed. */
  #newFrom = 0
  #head = 0
  #isNewLineDue = false
  #times: ReadonlyMap<string, number> = new Map()

  /** `left`: how far the user had heard the room when an earlier page ended. */
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

  /** The server's reason for refusing the last join. */
  get refusal(): string {
    return this.#refusal
  }

  /** Named members of the room; empty until the server has sent the presence state, and for guests. */
  get people(): readonly Person[] {
    return this.#people
  }

  /** Messages of others since the user last looked. */
  get unread(): number {
    return this.#unread
  }

  /** The user looks at the room. */
  read(): void {
    this.#unread = 0
  }

  /** Begin a room session: messages sent from now on wait for the join. */
  enter(): void {
    this.#membership = 'joining'
  }

  /** The join is answered. Gives the messages to push now. */
  joined(now: number, recovery: Recovery | null = null): readonly Send[] {
    if (recovery !== null) this.#goOn(recovery, now)
    this.#membership = 'joined'
    return this.outbox.take()
  }

  /** The server does not have all that was said while the page was away. */
  missed(now: number): void {
    this.log.addGap(now)
  }

  /** The times of kept messages have become known, before or after the messages. */
  timed({ epoch, messages }: Times): void {
    this.#times = new Map(messages.map(({ seq, at }) => [placeOf({ epoch, seq }), at]))
    this.log.setTimes(this.#times)
  }

  /** The server said no to a join; phoenix.js asks again after a while. */
  refused(reason: string): void {
    this.#membership = 'refused'
    this.#refusal = reason
    this.outbox.doubt(`The server refused the join: ${reason}.`)
  }

  /** The user may not be in this room; asking again would be answered the same. */
  forbidden(): void {
    this.#membership = 'forbidden'
    this.#people = []
    this.outbox.doubt('You are not allowed in this room any more.')
  }

  /** Interrupt the room session. Whether the server has received pending messages is unknown. */
  lost(): void {
    this.#end('lost', 'The connection was lost before the server confirmed it.')
  }

  /** End the room session, which the server or the user has closed. */
  closed(): void {
    this.#end('closed', 'You left the room before the server confirmed it.')
  }

  /** Replace the room session by one with another name, which begins at once and goes on where this one ended. */
  renamed(): void {
    this.#people = []
    this.outbox.doubt('You changed your name before the server confirmed it.')
  }

  /** The members have changed. */
  met(people: readonly Person[]): void {
    this.#people = people
  }

  /** A message came; it may be the echo of a send, which then is settled however late that is. */
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

  /** Somebody writes; without `from` a guest. */
  typing(from: Author | undefined, now: number): void {
    if (from?.id !== this.#me.id) this.typists.heard(from, now)
  }

  /** The user sends a message, which waits while the page is not in the room. Gives the messages to push now. */
  write(body: string): readonly Send[] {
    this.outbox.add(this.#me.messageId(), body)
    return this.#ready()
  }

  /** The user sends a message again, as the same one. Gives the messages to push now. */
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
    // After a reload nobody else knows the earlier cursor.
    if (left !== null && !isSame && this.#cursor === null) this.missed(now)
    this.#newFrom = left === null ? head + 1 : isSame ? left.seq + 1 : 1
    this.#isNewLineDue = isSame
    this.#head = head
    this.#cursor = { epoch, seq }
    this.#left = null
  }

  /** Draw the line before the first message that was said while the user was away. */
  #drawNewLine(seq: number, now: number): void {
    if (this.#isNewLineDue && seq <= this.#head) this.log.addNew(now)
    this.#isNewLineDue = false
  }

  /** Note that the page has heard a place; gives it in the words of the log. */
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

/** The state of the room in words; empty while all is well. */
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
      return 'The server closed this room. Select it again to rejoin.'
  }
}
