import { Deferred } from './deferred.ts'

type Waiting = { readonly key: string; readonly admitted: Deferred<boolean>; bytes: number }

/**
 * Limits the bytes in flight to other nodes. At most `limit` bytes may be in flight in total, and at most a quarter of
 * `limit` per key (long-poll session). Bytes that do not fit wait. The bytes of one key keep their order.
 */
export class ByteGate {
  readonly #limit: number
  readonly #limitOfKey: number
  readonly #ofKeys: Map<string, number>
  readonly #waiting: Waiting[]
  #bytes: number

  constructor(limit: number) {
    this.#limit = limit
    this.#limitOfKey = Math.ceil(limit / 4)
    this.#ofKeys = new Map()
    this.#waiting = []
    this.#bytes = 0
  }

  /**
   * Wait until the limits have room for the bytes. Returns a function that releases the bytes; repeated calls of this
   * function have no effect. Returns null if there was no room within `ms` milliseconds.
   */
  async enter(key: string, bytes: number, ms: number): Promise<(() => void) | null> {
    const counted = Math.min(bytes, this.#limit)
    const waiting = { key, bytes: counted, admitted: new Deferred<boolean>(ms, false) }
    this.#waiting.push(waiting)
    this.#admit()
    if (await waiting.admitted.promise) return () => this.#leave(waiting)
    // Remove this entry. Entries behind it may fit now.
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
    this.#admit()
    return null
  }

  #leave(admitted: Waiting): void {
    const { key, bytes } = admitted
    admitted.bytes = 0
    const left = (this.#ofKeys.get(key) ?? 0) - bytes
    if (left > 0) this.#ofKeys.set(key, left)
    else this.#ofKeys.delete(key)
    this.#bytes -= bytes
    this.#admit()
  }

  /**
   * Admit all waiting entries that fit, in order. An entry that exceeds only the limit of its key does not block
   * entries with other keys.
   */
  #admit(): void {
    const full = new Set<string>()
    for (let n = 0; n < this.#waiting.length; ) {
      const waiting = this.#waiting[n]
      if (waiting === undefined || this.#bytes + waiting.bytes > this.#limit) return
      if (waiting.admitted.isSettled || full.has(waiting.key) || !this.#hasKeyRoom(waiting)) {
        full.add(waiting.key)
        n += 1
      } else {
        this.#waiting.splice(n, 1)
        this.#ofKeys.set(waiting.key, (this.#ofKeys.get(waiting.key) ?? 0) + waiting.bytes)
        this.#bytes += waiting.bytes
        waiting.admitted.settle(true)
      }
    }
  }

  /** If no other bytes of the key are in flight, an entry fits even if it exceeds the key's limit. */
  #hasKeyRoom({ key, bytes }: Waiting): boolean {
    const used = this.#ofKeys.get(key) ?? 0
    return used === 0 || used + bytes <= this.#limitOfKey
  }
}
