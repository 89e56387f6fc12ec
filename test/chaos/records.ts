// Records of a chaos run. Times are milliseconds of the machine's clock, which all processes share.
import type { Counts } from '../load/counts.ts'

/** From a join's answer until the client knew that it had ended; `number` counts the client's attempts. */
export type Stay = { readonly number: number; readonly joinedAt: number; leftAt: number | null }

/** A message that a client sent; confirmed when the server said that it was published. */
export type Said = {
  readonly n: number
  readonly stay: number
  readonly sentAt: number
  confirmedAt: number | null
}

/** A message that came to a client: number `n` of client `by`, sent in its stay `from`. */
export type Heard = {
  readonly by: string
  readonly from: number
  readonly n: number
  readonly at: number
  /** The stay of the one who heard it. */
  readonly during: number
}

/** Time at which a client was told that messages are missing, and the number of messages that it had heard before. */
export type Gap = { readonly at: number; readonly after: number }

/** Presences of a room: a line for each, sorted. */
export type View = readonly string[]

/** One client's memory. */
export type ClientRecord = {
  readonly id: string
  readonly room: string
  readonly via: 'websocket' | 'longpoll'
  readonly stays: readonly Stay[]
  readonly said: readonly Said[]
  readonly heard: readonly Heard[]
  readonly gaps: readonly Gap[]
}

/** Something that the harness did to the cluster, and how that went. */
export type Fault = {
  readonly name: string
  /** A node takes only its own clients with it; without the engine no node reaches another; with the history messages go. */
  readonly takes: 'node' | 'engine' | 'history'
  readonly at: number
  /** When every node said that its engine was up and had all clients; null if that took too long. */
  readonly recoveredAt: number | null
  /** Items that were still missing then. */
  readonly stuck: readonly string[]
}

/** Resources of a process that has no clients. */
export type Held = {
  /** After a forced collection. */
  readonly heapBytes: number
  /** How many of what, such as timers. */
  readonly counts: Counts
}

/** The same before a run, when everything had been used once, and after it. */
export type HeldRecord = { readonly of: string; readonly start: Held; readonly end: Held }

/** A list of who is present in a room, and who has it. */
export type ViewRecord = { readonly of: string; readonly room: string; readonly view: View }

/** A whole run. */
export type Run = {
  /** All clients had joined, and messages began. */
  readonly from: number
  /** The last message had been sent, and all had had their time to arrive. */
  readonly to: number
  readonly faults: readonly Fault[]
  readonly clients: readonly ClientRecord[]
  readonly views: readonly ViewRecord[]
  readonly held: readonly HeldRecord[]
}
