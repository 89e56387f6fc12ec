import type { Swept } from '../limits/sweep.ts'

/** Writes a line, with the number of lines that it stands for. */
export type PrintLine = (count: number) => void

/** The lines of one kind: the latest that was not written, when one last was, and how many were not since. */
type Kind = { print: PrintLine; writtenAt: number; unwritten: number }

/** Milliseconds between two lines of one kind. */
const INTERVAL_MS = 1_000

/**
 * Lines about events that any client can cause as often as it likes. At most one line a second of each kind
 * is written: the first at once, then the latest of each second, with the number of lines since the one before.
 */
export class ThrottledLog implements Swept {
  readonly #kinds: Map<string, Kind>

  constructor() {
    this.#kinds = new Map()
  }

  /** Write a line, now or in place of others of its kind. There must be few kinds, whatever clients do. */
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

  /** Write what has waited for a second, and forget the kinds that have been quiet for one. */
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

  /** Write everything that waits. */
  flush(): void {
    for (const { print, unwritten } of this.#kinds.values()) if (unwritten > 0) print(unwritten)
    this.#kinds.clear()
  }
}
