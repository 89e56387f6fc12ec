import type { Swept } from '../limits/sweep.ts'

/** Writes one line that stands for `count` lines. */
export type PrintLine = (count: number) => void

/** State of one kind of line: the latest line, the time of the last write, and the number of lines since that write. */
type Kind = { print: PrintLine; writtenAt: number; unwritten: number }

/** Minimum milliseconds between two lines of one kind. */
const INTERVAL_MS = 1_000

/**
 * Throttles log lines about events that any client can cause at any rate. Writes at most one line of each kind per
 * second: the first line immediately, then the latest line of each second, with the number of lines since the previous
 * write.
 */
export class ThrottledLog implements Swept {
  readonly #kinds: Map<string, Kind>

  constructor() {
    this.#kinds = new Map()
  }

  /**
   * Write the first line of a kind now. Later lines wait for `sweep`. After `sweep` has forgotten the kind, the next
   * line counts as the first. Clients must not be able to choose the kind, because each kind takes memory.
   */
  write(kind: string, print: PrintLine): void {
    const known = this.#kinds.get(kind)
    if (known === undefined) {
      this.#kinds.set(kind, { print, writtenAt: performance.now(), unwritten: 0 })
      print(1)
    } else {
      known.print = print
      known.unwritten += 1
    }
  }

  /**
   * For each kind whose last write is at least a second ago: write the waiting line, or forget the kind if no line
   * waits.
   */
  sweep(now: number): void {
    for (const [name, kind] of this.#kinds) {
      if (now - kind.writtenAt < INTERVAL_MS) continue
      if (kind.unwritten === 0) {
        this.#kinds.delete(name)
        continue
      }
      kind.print(kind.unwritten)
      kind.writtenAt = now
      kind.unwritten = 0
    }
  }

  /** Write all waiting lines. */
  flush(): void {
    for (const { print, unwritten } of this.#kinds.values()) if (unwritten > 0) print(unwritten)
    this.#kinds.clear()
  }
}
