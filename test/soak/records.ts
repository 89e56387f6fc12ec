// Records of a soak.
import type { Counts } from '../load/counts.ts'

/** Numbers of the messages that a steady client received in its room, as ranges of consecutive numbers. */
export type Heard = readonly (readonly [from: number, to: number])[]

/** Record of one steady client. */
export type SteadyRecord = {
  readonly id: string
  readonly room: string
  readonly via: 'websocket' | 'longpoll'
  readonly heard: Heard
  /** How the connection of the client ended; null if it is still open. */
  readonly endedWith: string | null
}

/** Resources of the server while only steady clients are connected, after a forced collection. */
export type Sample = {
  /** Milliseconds since the load began. */
  readonly at: number
  /** Bytes in the heap and in memory outside of it. */
  readonly heldBytes: number
  readonly rssBytes: number
  readonly counts: Counts
}

/** Report of the clients that came and went in one round. */
export type Rush = {
  /** Number of guests by outcome. */
  readonly churn: Counts
  /** Milliseconds until all of these clients had gone. */
  readonly tookMs: number
  /** Deviations from the expected behaviour. */
  readonly complaints: readonly string[]
}

/** Values of metrics, by name and labels. */
export type Metrics = Readonly<Record<string, number>>

/** A whole run. */
export type Run = {
  /** Number of messages that were sent in each room. */
  readonly said: Readonly<Record<string, number>>
  readonly steady: readonly SteadyRecord[]
  readonly samples: readonly Sample[]
  readonly rushes: readonly Rush[]
  /** Resources without clients, after the warm-up. */
  readonly start: Counts
  /** Resources without clients, after the load. */
  readonly end: Counts
  readonly metrics: { readonly before: Metrics; readonly after: Metrics }
}
