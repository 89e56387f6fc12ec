import type { Figures } from '../../server/dashboard/contract.ts'

/** Longest period that a plot shows, in seconds. */
const WINDOW_S = 300
/** Shortest period that a plot shows, in seconds. */
const SHORTEST_S = 60
/** Maximum number of seconds between two points that a plot connects by a line. */
const GAP_S = 3

/** Figures of the last minutes. Null marks a period without figures. */
export class History {
  /** Times of `figures`, in seconds since 1970. */
  times: number[]
  figures: (Figures | null)[]

  constructor() {
    this.times = []
    this.figures = []
  }

  add(figures: Figures): void {
    const now = figures.at / 1_000
    const last = this.times.at(-1)
    // If the server's clock was set back, begin again, because a time axis needs ascending times.
    if (last !== undefined && now <= last) this.clear()
    else if (last !== undefined && now - last > GAP_S) this.#append(last + 1, null)
    this.#append(now, figures)
    const old = this.times.findIndex((time) => time >= now - WINDOW_S)
    this.times = this.times.slice(old)
    this.figures = this.figures.slice(old)
  }

  /** Times at both ends of a plot, in seconds since 1970. If there are no figures yet, the plot ends at `now`. */
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
