/** Delay in milliseconds above which a timer counts as late. A late timer shows that the process was busy. */
const LATE_MS = 100

/**
 * Question (a request to one or all other nodes) that waits for answers. A question ends when all nodes that received
 * it have answered, or at its timeout.
 */
export class Question {
  /** Resolves when the question ends, with the answers that have arrived. */
  readonly answers: Promise<unknown[]>
  readonly #timer: NodeJS.Timeout
  readonly #timeoutMs: number
  readonly #isArriving: () => boolean
  #dueAt: number
  #wasLate: boolean
  readonly #given: unknown[]
  #heard: number
  #receivers: number
  #isOver: boolean
  #isUnsent: boolean
  // Assigned by the promise's executor, which runs synchronously.
  #resolve!: (answers: unknown[]) => void

  /** @param isArriving called at the timeout. If it returns true (an answer is arriving), the timeout restarts. */
  constructor(timeoutMs: number, isArriving = () => false) {
    this.answers = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#given = []
    this.#heard = 0
    this.#receivers = Infinity
    this.#isOver = false
    this.#isUnsent = false
    this.#isArriving = isArriving
    this.#timeoutMs = timeoutMs
    this.#dueAt = performance.now() + timeoutMs
    this.#wasLate = false
    this.#timer = setTimeout(() => this.#timedOut(), timeoutMs)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** True if the question ended because it could not be sent. */
  get isUnsent(): boolean {
    return this.#isUnsent
  }

  /** Restart the timeout, because the receiver has received a part of the question or of an earlier message. */
  progressed(): void {
    if (!this.#isOver) this.#beginAnew()
  }

  /** End the question because it could not be sent. */
  failed(): void {
    if (this.#isOver) return
    this.#isUnsent = true
    this.end()
  }

  /** Record the answer of one receiver. `undefined` means that the receiver has finished without an answer. */
  take(answer: unknown): void {
    if (answer !== undefined) this.#given.push(answer)
    this.#heard += 1
    this.#check()
  }

  expect(receivers: number): void {
    this.#receivers = receivers
    this.#check()
  }

  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#resolve(this.#given)
  }

  #timedOut(): void {
    // If the timer is late, the process was busy, and answers may have arrived that the process has not read yet. Wait
    // once more.
    const isLate = !this.#wasLate && performance.now() - this.#dueAt > LATE_MS
    if (isLate) this.#wasLate = true
    if (isLate || this.#isArriving()) this.#beginAnew()
    else this.end()
  }

  #beginAnew(): void {
    this.#dueAt = performance.now() + this.#timeoutMs
    this.#timer.refresh()
  }

  #check(): void {
    if (this.#heard >= this.#receivers) this.end()
  }
}
