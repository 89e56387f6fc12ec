/** A question on its way. It is over when all who received it have answered, or its time is up. */
export class Question {
  /** Those that came. */
  readonly answers: Promise<unknown[]>
  readonly #timer: NodeJS.Timeout
  readonly #given: unknown[]
  #heard: number
  #receivers: number
  #isOver: boolean
  // Assigned by the promise's executor, which runs at once.
  #resolve!: (answers: unknown[]) => void

  constructor(timeoutMs: number) {
    this.answers = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#given = []
    this.#heard = 0
    this.#receivers = Infinity
    this.#isOver = false
    this.#timer = setTimeout(() => this.end(), timeoutMs)
  }

  get isOver(): boolean {
    return this.#isOver
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

  #check(): void {
    if (this.#heard >= this.#receivers) this.end()
  }
}
