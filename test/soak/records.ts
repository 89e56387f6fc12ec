// Records of a soak.
import type { Counts } from '../load/counts.ts'

/** What a steady client heard of its room: numbers that came one after the other, from and to. */
export type Heard = readonly (readonly [from: number, to: number])[]

/** One steady client's memory. */
export type SteadyRecord = {
  readonly id: string
  readonly room: string
  readonly via: 'websocket' | 'longpoll'
  readonly heard: Heard
  /** How its connection ended; null if it did not. */
  readonly endedWith: string | null
}

/** What the server holds while only steady clients are there, after a forced collection. */
export type Sample = {
  /** Milliseconds since the load began. */
  readonly at: number
  /** In the heap and outside of it. */
  readonly heldBytes: number
  readonly rssBytes: number
  readonly counts: Counts
}

/** What those who came and went in one round tell of it. */
export type Rush = {
  /** Connections of those that come and go, by how they went. */
  readonly churn: Counts
  /** Milliseconds until the last of all had gone. */
  readonly tookMs: number
  /** What was otherwise than it must be. */
  readonly complaints: readonly string[]
}

/** What metrics said, by their names and labels. */
export type Metrics = Readonly<Record<string, number>>

/** A whole run. */
export type Run = {
  /** How many messages were said in each room. */
  readonly said: Readonly<Record<string, number>>
  readonly steady: readonly SteadyRecord[]
  readonly samples: readonly Sample[]
  readonly rushes: readonly Rush[]
  /** Without any client: before the load, when each had been there once, and after it. */
  readonly start: Counts
  readonly end: Counts
  readonly metrics: { readonly before: Metrics; readonly after: Metrics }
}
