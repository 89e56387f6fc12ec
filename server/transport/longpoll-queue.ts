/** Messages that are sent in one response. A later batch has a greater number. */
export type PollBatch = { readonly number: number; readonly messages: readonly string[] }

export const NO_MESSAGES: PollBatch = Object.freeze({ number: 0, messages: Object.freeze([]) })

/**
 * Messages queued for a client's polls. A batch is kept until its response is written to the client. Polls that arrive
 * before the response is written get the messages of the batch again (LONGPOLL-4).
 */
export class LongPollQueue {
  #waiting: string[]
  #waitingSize: number
  /** Messages of the latest batch, until the batch is written to the client; then empty. */
  #unwritten: readonly string[]
  #unwrittenSize: number
  #lastNumber: number
  /** Length, in characters, of the largest message queued since the queue was last empty. */
  #largest: number

  constructor() {
    this.#waiting = []
    this.#waitingSize = 0
    this.#unwritten = NO_MESSAGES.messages
    this.#unwrittenSize = 0
    this.#lastNumber = 0
    this.#largest = 0
  }

  /** Number of characters of all messages, including the messages of the unwritten batch. */
  get size(): number {
    return this.#waitingSize + this.#unwrittenSize
  }

  /** Number of messages that are in no batch yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Number of characters that the queue would have if `message` were added. The largest message is not counted, so that
   * a message of any size fits into an empty queue (CLOSE-3).
   */
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

  /** Move all messages into a new batch. If the previous batch is not written yet, its messages come first. */
  take(): PollBatch {
    this.#unwritten = [...this.#unwritten, ...this.#waiting]
    this.#unwrittenSize += this.#waitingSize
    this.#waiting = []
    this.#waitingSize = 0
    this.#lastNumber += 1
    return { number: this.#lastNumber, messages: this.#unwritten }
  }

  isLatest(number: number): boolean {
    return number === this.#lastNumber
  }

  /** Remove the latest batch, which the client has received. */
  forget(): void {
    this.#unwritten = NO_MESSAGES.messages
    this.#unwrittenSize = 0
  }

  /** Remove the messages that are in no batch yet. */
  clear(): void {
    this.#waiting = []
    this.#waitingSize = 0
  }
}
