/** Messages that leave in one answer; a later batch has a greater number. */
export type Batch = { readonly number: number; readonly messages: readonly string[] }

/** A batch without messages. */
export const NOTHING: Batch = Object.freeze({ number: 0, messages: Object.freeze([]) })

/** What waits for a client's polls: a batch is kept until it is written, or given again (LONGPOLL-4). */
export class LongPollQueue {
  #waiting: string[]
  #waitingSize: number
  /** The latest batch, until it is written. */
  #unwritten: readonly string[]
  #unwrittenSize: number
  #lastNumber: number
  /** Characters of the largest message since nothing was kept. */
  #largest: number

  constructor() {
    this.#waiting = []
    this.#waitingSize = 0
    this.#unwritten = NOTHING.messages
    this.#unwrittenSize = 0
    this.#lastNumber = 0
    this.#largest = 0
  }

  /** Characters of all that is kept. */
  get size(): number {
    return this.#waitingSize + this.#unwrittenSize
  }

  /** How many messages are in no batch yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Characters that would be kept beside the largest message, with this one (CLOSE-3). */
  pileWith(message: string): number {
    const { size } = this
    const largest = size === 0 ? 0 : this.#largest
    return size + message.length - Math.max(largest, message.length)
  }

  push(message: string): void {
    this.#largest = Math.max(this.size === 0 ? 0 : this.#largest, message.length)
    this.#waiting.push(message)
    this.#waitingSize += message.length
  }

  /** All that is kept, as a new batch. */
  take(): Batch {
    this.#unwritten = [...this.#unwritten, ...this.#waiting]
    this.#unwrittenSize += this.#waitingSize
    this.#waiting = []
    this.#waitingSize = 0
    this.#lastNumber += 1
    return { number: this.#lastNumber, messages: this.#unwritten }
  }

  /** Whether it is the latest batch. */
  isLatest(number: number): boolean {
    return number === this.#lastNumber
  }

  /** Forget the latest batch: the client has it. */
  forget(): void {
    this.#unwritten = NOTHING.messages
    this.#unwrittenSize = 0
  }

  /** Forget what is in no batch yet. */
  clear(): void {
    this.#waiting = []
    this.#waitingSize = 0
  }
}
