/**
 * Holds a promise that `settle` resolves. After a time limit, the promise resolves with a default value. The promise
 * never rejects.
 */
export class Deferred<T> {
  readonly promise: Promise<T>
  readonly #timer: NodeJS.Timeout
  // Assigned by the promise's executor, which runs synchronously.
  #resolve!: (value: T) => void
  #isSettled: boolean

  /** @param ms milliseconds until the promise resolves with `otherwise`. */
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

  /** Resolve the promise. Only the first call has an effect. */
  settle(value: T): void {
    this.#isSettled = true
    clearTimeout(this.#timer)
    this.#resolve(value)
  }
}
