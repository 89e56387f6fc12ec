import { Pending } from './pending.ts'

type Waiting = { readonly key: string; readonly admitted: Pending<boolean>; bytes: number }

/**
 * Lets only `limit` bytes be under way at a time, a quarter of them of one key. Others wait, those of one key
 * in order; what is larger than a quarter passes as the only one of its key, and above the limit as the only one.
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
   * A function to call once they are through, which does nothing the second time; null if there was no room
   * within so many milliseconds.
   */
  async enter(key: string, bytes: number, ms: number): Promise<(() => void) | null> {
    const counted = Math.min(bytes, this.#limit)
    const waiting = { key, bytes: counted, admitted: new Pending<boolean>(ms, false) }
    this.#waiting.push(waiting)
    this.#admit()
    if (await waiting.admitted.promise) return () => this.#leave(waiting)
    // Those behind it may have room.
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

  /** All that have room, in order; one that waits for its own key keeps no other from passing. */
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

  #hasKeyRoom({ key, bytes }: Waiting): boolean {
    const used = this.#ofKeys.get(key) ?? 0
    return used === 0 || used + bytes <= this.#limitOfKey
  }
}
