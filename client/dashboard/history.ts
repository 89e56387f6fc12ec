import type { Figures } from '../../server/dashboard/contract.ts'

/** So much is shown at most, in seconds. */
const WINDOW_S = 300
/** So much is shown at least, however little there is. */
const SHORTEST_S = 60
/** After so many seconds without figures a line is interrupted. */
const GAP_S = 3

/** The figures of the last minutes; null stands for a time in which none came. */
export class History {
  /** Seconds since 1970. */
  times: number[]
  figures: (Figures | null)[]

  constructor() {
    this.times = []
    this.figures = []
  }

  add(figures: Figures): void {
    const now = figures.at / 1_000
    const last = this.times.at(-1)
    // The server's clock was put back: a time axis knows no such thing.
    if (last !== undefined && now <= last) this.clear()
    else if (last !== undefined && now - last > GAP_S) this.#append(last + 1, null)
    this.#append(now, figures)
    const old = this.times.findIndex((time) => time >= now - WINDOW_S)
    this.times = this.times.slice(old)
    this.figures = this.figures.slice(old)
  }

  /** The times at both ends of a plot; `now` counts while there is nothing. In seconds since 1970. */
  window(now: number): [from: number, to: number] {
    const to = this.times.at(-1) ?? now
    return [Math.min(this.times[0] ?? to, to - SHORTEST_S), to]
  }

  clear(): void {
    this.times = []
    this.figures = []
  }

  #append(time: number, figures: Figures | null): void {
    this.times.push(time)
    this.figures.push(figures)
  }
}
