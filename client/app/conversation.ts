import { notifications } from '../../server/app/contracts/room.ts'
import { MessageLog } from './messages.ts'
import { Outbox, type Send } from './outbox.ts'
import type { Person } from './people.ts'

/** Whether the page is in the room: not yet, yes, soon again, refused for now, or no more. */
export type Membership = 'joining' | 'joined' | 'lost' | 'refused' | 'closed'

/** All that the page knows of one room; it outlives the stays in it. Times are ms since the epoch. */
export class Conversation {
  readonly room: string
  readonly log = new MessageLog()
  readonly outbox = new Outbox()
  #membership: Membership = 'joining'
  #refusal = ''
  #lastHeard: number | null = null
  #people: readonly Person[] = []

  constructor(room: string) {
    this.room = room
  }

  get membership(): Membership {
    return this.#membership
  }

  /** The server's reason for refusing the last join. */
  get refusal(): string {
    return this.#refusal
  }

  /** Who is here by name; nobody as long as the server has not said it, or has nobody to say it to but a guest. */
  get people(): readonly Person[] {
    return this.#people
  }

  /** A stay begins: what is sent from now on waits for the join. */
  enter(): void {
    this.#membership = 'joining'
  }

  /** The join is answered. Gives what was written meanwhile and is to be sent now. */
  joined(now: number): readonly Send[] {
    if (this.#lastHeard !== null) this.log.addGap(this.#lastHeard, now)
    this.#lastHeard = null
    this.#membership = 'joined'
    return this.outbox.pending
  }

  /** The server said no to a join; phoenix.js asks again after a while. */
  refused(reason: string): void {
    this.#membership = 'refused'
    this.#refusal = reason
    this.outbox.failPending(`The server does not let you in: ${reason}.`)
  }

  /** The stay is interrupted. Whether the server got what is pending is not known. */
  lost(now: number): void {
    this.#end('lost', now, 'The connection broke before the server confirmed it.')
  }

  /** The stay is over, by the server's wish or the user's. */
  closed(now: number): void {
    this.#end('closed', now, 'You left the room before the server confirmed it.')
  }

  /** The stay gives way to one under another name, which begins at once: nothing is missed in between. */
  renamed(): void {
    this.#people = []
    this.outbox.failPending('You changed your name before the server confirmed it.')
  }

  /** Who is here has changed. */
  met(people: readonly Person[]): void {
    this.#people = people
  }

  /** A message came; it may be the echo of a send. */
  heard(body: string, now: number): void {
    if (this.outbox.confirm(body)) this.log.add('own', body, now)
    else this.log.add(notifications[this.room] === body ? 'background' : 'other', body, now)
  }

  /** The user sends a message. Gives what is to be pushed now, if anything. */
  write(body: string): Send | null {
    const send = this.outbox.add(body)
    if (this.#membership === 'joined') return send
    if (this.#membership !== 'joining') this.outbox.fail(send.id, 'You are not in the room at the moment.')
    return null
  }

  /** The user sends a failed message again. Gives what is to be pushed now, if anything. */
  retry(id: number): Send | null {
    const send = this.outbox.remove(id)
    return send && this.write(send.body)
  }

  #end(membership: Membership, now: number, failure: string): void {
    if (this.#membership === 'joined') this.#lastHeard = now
    this.#membership = membership
    this.#people = []
    this.outbox.failPending(failure)
  }
}

/** What the page says of the room; empty while all is well. */
export function membershipText({ membership, refusal }: Conversation): string {
  switch (membership) {
    case 'joining':
      return 'Joining…'
    case 'joined':
      return ''
    case 'lost':
      return 'Interrupted, coming back…'
    case 'refused':
      return `The server does not let you in: ${refusal}. Trying again…`
    case 'closed':
      return 'The server closed this room. Choose it again to come back.'
  }
}
