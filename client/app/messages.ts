import type { Author } from './identity.ts'

/** The kind of a line; `gap` marks a time in which the page was not in the room. */
export type MessageKind = 'own' | 'other' | 'background' | 'gap'

/** One line of the list. */
export type Message = {
  readonly id: number
  readonly kind: MessageKind
  readonly body: string
  /** The sender; null for a guest. */
  readonly from: Author | null
  /** Tells the message from all others of the room, if its sender gave it an id; otherwise null. */
  readonly key: string | null
  /** When it came, or when the last of a run came; ms since the epoch. */
  readonly at: number
  /** When the run began. */
  readonly since: number
  /** How many equal messages in a row this line stands for. */
  readonly count: number
}

/** Where a message comes from, as far as it says. */
export type Origin = Partial<Pick<Message, 'from' | 'key'>>

/** How many lines are kept. */
export const MAX_MESSAGES = 500

/** The messages that the page has of one room. */
export class MessageLog {
  #messages: readonly Message[] = []
  #lastId = 0

  get messages(): readonly Message[] {
    return this.#messages
  }

  /** Add a line; a message with a key that is there already is dropped. @returns whether it was added */
  add(kind: MessageKind, body: string, at: number, { from = null, key = null }: Origin = {}): boolean {
    if (key !== null && this.#messages.some((message) => message.key === key)) return false
    this.#append({ kind, body, from, key, at, since: at })
    return true
  }

  /** Nothing was heard from `since` until `at`. */
  addGap(since: number, at: number): void {
    this.#append({ kind: 'gap', body: '', from: null, key: null, at, since })
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
