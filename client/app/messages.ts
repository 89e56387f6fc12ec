import type { Author } from './identity.ts'

/** The kind of a line; `new` precedes messages sent while the user was away, `gap` marks where messages may be missing. */
export type MessageKind = 'own' | 'other' | 'background' | 'new' | 'gap'

/** One line of the list. */
export type Message = {
  readonly id: number
  readonly kind: MessageKind
  readonly body: string
  /** The sender; null for a guest. */
  readonly from: Author | null
  /** Tells the message from all others of the room, if its sender gave it an id; otherwise null. */
  readonly key: string | null
  /** Its place in the room's history; null if it is not kept. */
  readonly place: string | null
  /** When it was said, as far as the page knows, otherwise when it came, or when the last of a run came; ms since the epoch. */
  readonly at: number
  /** When the run began. */
  readonly since: number
  /** How many equal messages in a row this line stands for. */
  readonly count: number
}

/** Where a message comes from, as far as it says. */
export type Origin = Partial<Pick<Message, 'from' | 'key' | 'place'>>

/** How many lines are kept. */
export const MAX_MESSAGES = 500

/** The messages that the page has of one room. */
export class MessageLog {
  #messages: readonly Message[] = []
  #lastId = 0

  get messages(): readonly Message[] {
    return this.#messages
  }

  /** Add a line; a message whose key or place is there already is dropped. @returns whether it was added */
  add(kind: MessageKind, body: string, at: number, origin: Origin = {}): boolean {
    const { from = null, key = null, place = null } = origin
    const isSame = (other: Message) =>
      (key !== null && other.key === key) || (place !== null && other.place === place)
    if (this.#messages.some(isSame)) return false
    this.#append({ kind, body, from, key, place, at, since: at })
    return true
  }

  /** Messages may be missing from here on. */
  addGap(at: number): void {
    this.add('gap', '', at)
  }

  /** Mark the place from which messages were sent while the user was away; replaces an earlier mark. */
  addNew(at: number): void {
    this.#messages = this.#messages.filter(({ kind }) => kind !== 'new')
    this.add('new', '', at)
  }

  /** Give messages the times at which they were said, by their places. */
  setTimes(times: ReadonlyMap<string, number>): void {
    this.#messages = this.#messages.map((message) => {
      const at = times.get(message.place ?? '') ?? message.at
      return at === message.at ? message : { ...message, at, since: at }
    })
  }

  #append(message: Omit<Message, 'id' | 'count'>): void {
    const last = this.#messages.at(-1)
    if (last !== undefined && isRun(last, message)) {
      const run = { ...last, at: message.at, count: last.count + 1 }
      this.#messages = [...this.#messages.slice(0, -1), run]
      return
    }
    this.#lastId += 1
    const next = { ...message, id: this.#lastId, count: 1 }
    this.#messages = [...this.#messages.slice(1 - MAX_MESSAGES), next]
  }
}

// A ping every few seconds would soon push out what people said.
function isRun(last: Message, next: Omit<Message, 'id' | 'count'>): boolean {
  return (
    (next.kind === 'background' || next.kind === 'gap') && last.kind === next.kind && last.body === next.body
  )
}
