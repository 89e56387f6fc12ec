/** Whose words they are; `gap` marks a time in which the page was not in the room. */
export type MessageKind = 'own' | 'other' | 'background' | 'gap'

/** One line of the list. */
export type Message = {
  readonly id: number
  readonly kind: MessageKind
  readonly body: string
  /** When it came, or when the last of a run came; ms since the epoch. */
  readonly at: number
  /** When the run began. */
  readonly since: number
  /** How many equal messages in a row this line stands for. */
  readonly count: number
}

/** How many lines are kept. */
export const MAX_MESSAGES = 500

/** What was said in one room while the page listened. */
export class MessageLog {
  #messages: readonly Message[] = []
  #lastId = 0

  get messages(): readonly Message[] {
    return this.#messages
  }

  add(kind: MessageKind, body: string, at: number): void {
    this.#append({ kind, body, at, since: at })
  }

  /** Nothing was heard from `since` until `at`. */
  addGap(since: number, at: number): void {
    this.#append({ kind: 'gap', body: '', at, since })
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
