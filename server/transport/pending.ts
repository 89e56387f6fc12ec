/** A promise that is settled from outside, or when its time is up with a value of its own. Never rejects. */
export class Pending<T> {
  readonly promise: Promise<T>
  readonly #timer: NodeJS.Timeout
  // Assigned by the promise's executor, which runs at once.
  #resolve!: (value: T) => void
  #isSettled: boolean

  /** @param ms milliseconds until `otherwise` is the value. */
  constructor(ms: number, otherwise: T) {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#isSettled = false
    this.#timer = setTimeout(() => this.settle(otherwise), ms)
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Does nothing the second time. */
  settle(value: T): void {
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.#resolve(value)
  }
}
