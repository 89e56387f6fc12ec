/** Milliseconds by which a timer is late when the event loop is busy. */
const LATE_MS = 100

/** A question on its way. It is over when all who received it have answered, or its time is up. */
export class Question {
  /** Those that came. */
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
  // Assigned by the promise's executor, which runs at once.
  #resolve!: (answers: unknown[]) => void

  /** @param isArriving whether an answer, long as it is, may be arriving in parts when the time is up. */
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

  /** It is over because nobody was asked. */
  get isUnsent(): boolean {
    return this.#isUnsent
  }

  /** A part of it was sent, or of what is sent before it: its time begins anew. */
  progressed(): void {
    if (!this.#isOver) this.#beginAnew()
  }

  /** It could not be sent. */
  failed(): void {
    if (this.#isOver) return
    this.#isUnsent = true
    this.end()
  }

  /** One who received it has answered; undefined is no answer. */
  take(answer: unknown): void {
    if (answer !== undefined) this.#given.push(answer)
    this.#heard += 1
    this.#check()
  }

  /** So many have received it. */
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
    // A timer that fires late says that this process was busy: what has come meanwhile is not read yet.
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
