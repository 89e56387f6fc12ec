// Records of a soak.
import type { Counts } from '../load/counts.ts'

/** Consecutive numbers that a steady client received in its room, as ranges from and to. */
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

/** Resources of the server while only steady clients are connected, after a forced collection. */
export type Sample = {
  /** Milliseconds since the load began. */
  readonly at: number
  /** In the heap and outside of it. */
  readonly heldBytes: number
  readonly rssBytes: number
  readonly counts: Counts
}

/** Report of the clients that came and went in one round. */
export type Rush = {
  /** Connections of those that come and go, by how they went. */
  readonly churn: Counts
  /** Milliseconds until the last of all had gone. */
  readonly tookMs: number
  /** Deviations from the expected behaviour. */
  readonly complaints: readonly string[]
}

/** Values of metrics, by name and labels. */
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
