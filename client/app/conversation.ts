import { notifications } from '../../server/app/contracts/room.ts'
import type { Author, Identity, Signed } from './identity.ts'
import { MessageLog } from './messages.ts'
import { Outbox, type Send } from './outbox.ts'
import type { Person } from './people.ts'
import { Typists } from './typists.ts'

/** Whether the page is in the room: not yet, yes, soon again, refused for now, not allowed, or no more. */
export type Membership = 'joining' | 'joined' | 'lost' | 'refused' | 'forbidden' | 'closed'

/** A message as it comes from the server. */
export type Said = Signed & { readonly body: string }

/** State of one room on this page, kept over several room sessions. Times are milliseconds since 1970. */
export class Conversation {
  readonly room: string
  readonly log = new MessageLog()
  readonly outbox = new Outbox()
  readonly typists = new Typists()
  readonly #me: Identity
  #membership: Membership = 'joining'
  #refusal = ''
  #lastHeard: number | null = null
  #people: readonly Person[] = []
  #unread = 0

  constructor(room: string, me: Identity) {
    this.room = room
    this.#me = me
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
  joined(now: number): readonly Send[] {
    if (this.#lastHeard !== null) this.log.addGap(this.#lastHeard, now)
    this.#lastHeard = null
    this.#membership = 'joined'
    return this.outbox.take()
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
  lost(now: number): void {
    this.#end('lost', now, 'The connection was lost before the server confirmed it.')
  }

  /** End the room session, which the server or the user has closed. */
  closed(now: number): void {
    this.#end('closed', now, 'You left the room before the server confirmed it.')
  }

  /** Replace the room session by one with another name, which begins at once, so that no message is missed. */
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
    const { id, from, body } = said
    const isOwn = this.#me.isAuthorOf(said)
    if (isOwn && id !== undefined) this.outbox.remove(id)
    this.typists.stopped(from)
    const sender = isOwn ? 'me' : (from?.id ?? '')
    const origin = { from: from ?? null, key: id === undefined ? null : `${sender}/${id}` }
    const isPing = from === undefined && id === undefined && notifications[this.room] === body
    const kind = isOwn ? 'own' : isPing ? 'background' : 'other'
    if (this.log.add(kind, body, now, origin) && kind === 'other') this.#unread += 1
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

  #end(membership: Membership, now: number, doubt: string): void {
    if (this.#membership === 'joined') this.#lastHeard = now
    this.#membership = membership
    this.#people = []
    this.typists.clear()
    this.outbox.doubt(doubt)
  }
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
