import type { Author } from './identity.ts'

/** Kind of a line. `new` precedes messages sent while the user was away; `gap` marks where messages may be missing. */
export type MessageKind = 'own' | 'other' | 'background' | 'new' | 'gap'

/** One line of the list: a message, or a marker of the kind `new` or `gap`. */
export type Message = {
  readonly id: number
  readonly kind: MessageKind
  readonly body: string
  /** The sender; null for a guest. */
  readonly from: Author | null
  /** Unique key of the message in the room; null if the sender gave the message no id. */
  readonly key: string | null
  /** Epoch and sequence number in the room's history, as `epoch/seq`; null if the history does not keep the message. */
  readonly place: string | null
  /**
   * Time at which the message was sent, in milliseconds since 1970. Until this time is known, the time of arrival. If
   * `count` is more than 1, the time belongs to the last of the equal messages.
   */
  readonly at: number
  /** Time of the first message that this line represents. */
  readonly since: number
  /** Number of equal consecutive messages that this line represents. */
  readonly count: number
}

/** Sender, `key` and `place` of a message. Unknown values are absent or null. */
export type Origin = Partial<Pick<Message, 'from' | 'key' | 'place'>>

/** Maximum number of entries in a `MessageLog`. */
export const MAX_MESSAGES = 500

/** Messages of one room, as the page shows them. */
export class MessageLog {
  #messages: readonly Message[] = []
  #lastId = 0

  get messages(): readonly Message[] {
    return this.#messages
  }

  /** Add a line, unless the log has a message with the same `key` or `place`. @returns true if the line was added */
  add(kind: MessageKind, body: string, at: number, origin: Origin = {}): boolean {
    const { from = null, key = null, place = null } = origin
    const isSame = (other: Message) =>
      (key !== null && other.key === key) || (place !== null && other.place === place)
    if (this.#messages.some(isSame)) return false
    this.#append({ kind, body, from, key, place, at, since: at })
    return true
  }

  /** Add a line which shows that messages may be missing. */
  addGap(at: number): void {
    this.add('gap', '', at)
  }

  /** Append the `new` line and remove an earlier one. Must be called before the missed messages are added. */
  addNew(at: number): void {
    this.#messages = this.#messages.filter(({ kind }) => kind !== 'new')
    this.add('new', '', at)
  }

  /** Set the times at which messages were sent. `times` maps the `place` of a message to its time. */
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

// Show equal consecutive gaps or background messages as one line, so that they do not push users' messages out of
// the log.
function isRun(last: Message, next: Omit<Message, 'id' | 'count'>): boolean {
  return (
    (next.kind === 'background' || next.kind === 'gap') && last.kind === next.kind && last.body === next.body
  )
}
