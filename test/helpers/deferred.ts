/** A promise that the test settles, to hold a callback as long as it likes. */
export class Deferred<T = void> {
  readonly promise: Promise<T>
  // Assigned by the promise's executor, which runs at once.
  resolve!: (value: T) => void
  reject!: (error: unknown) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/** Everything that is ready to run has run: one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
