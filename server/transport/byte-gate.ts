import { Deferred } from './deferred.ts'

type Waiting = { readonly admitted: Deferred<boolean>; bytes: number }

/** Limits the bytes that are in flight to other nodes. Entries that do not fit wait, in order. */
export class ByteGate {
  readonly #limit: number
  readonly #waiting: Waiting[]
  #bytes: number

  constructor(limit: number) {
    this.#limit = limit
    this.#waiting = []
    this.#bytes = 0
  }

  /**
   * Wait until the limit has room for the bytes; more bytes than the limit wait until no other bytes are in flight.
   * Returns a function that releases the bytes; repeated calls of this function have no effect. Returns null if there
   * was no room within `ms` milliseconds.
   */
  async enter(bytes: number, ms: number): Promise<(() => void) | null> {
    const entry = { bytes: Math.min(bytes, this.#limit), admitted: new Deferred<boolean>(ms, false) }
    this.#waiting.push(entry)
    this.#admit()
    if (await entry.admitted.promise) return () => this.#leave(entry)
    // Entries behind this one may fit now.
    this.#admit()
    return null
  }

  #leave(entry: Waiting): void {
    this.#bytes -= entry.bytes
    entry.bytes = 0
    this.#admit()
  }

  /** Admit waiting entries, up to the first that does not fit, and remove entries whose time is over. */
  #admit(): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      if (!next.admitted.isSettled) {
        if (this.#bytes + next.bytes > this.#limit) return
        this.#bytes += next.bytes
        next.admitted.settle(true)
      }
      this.#waiting.shift()
    }
  }
}
