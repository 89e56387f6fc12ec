// Records of a chaos run. Times are milliseconds of the machine's clock, which all processes share.
import type { Counts } from '../load/counts.ts'

/**
 * Time in which a client was joined: from the reply to its join until it noticed the end. `number` is the number of the
 * client's attempt to join.
 */
export type Stay = { readonly number: number; readonly joinedAt: number; leftAt: number | null }

/** Message that a client sent. `confirmedAt` is the time of the server's reply that the message was published. */
export type Said = {
  readonly n: number
  readonly stay: number
  readonly sentAt: number
  confirmedAt: number | null
}

/** Message that a client received: number `n` of client `by`, which sent the message in its stay `from`. */
export type Heard = {
  readonly by: string
  readonly from: number
  readonly n: number
  readonly at: number
  /** Stay of the receiving client; 0 if it was not joined. */
  readonly during: number
}

/**
 * Time at which a client was told that messages are missing, and the number of messages that it had received before.
 */
export type Gap = { readonly at: number; readonly after: number }

/** Presences of a room: a sorted list with one line for each. */
export type View = readonly string[]

/** Record of one client. */
export type ClientRecord = {
  readonly id: string
  readonly room: string
  readonly via: 'websocket' | 'longpoll'
  readonly stays: readonly Stay[]
  readonly said: readonly Said[]
  readonly heard: readonly Heard[]
  readonly gaps: readonly Gap[]
}

/** Fault that the harness caused, and the recovery from it. */
export type Fault = {
  readonly name: string
  /**
   * Failing part. `node`: only its clients are disconnected. `engine`: the nodes are also separated. `history`:
   * messages are also lost.
   */
  readonly takes: 'node' | 'engine' | 'history'
  readonly at: number
  /** Time at which all engines were up and all clients were joined; null if that took too long. */
  readonly recoveredAt: number | null
  /** Nodes and clients that did not recover in time. */
  readonly stuck: readonly string[]
}

/** Resources of a process that has no clients. */
export type Held = {
  /** Size of the heap after a forced collection. */
  readonly heapBytes: number
  /** Numbers of resources, such as timers. */
  readonly counts: Counts
}

/** Resources that a process or Redis held before the run (after the warm-up) and after the run. */
export type HeldRecord = { readonly of: string; readonly start: Held; readonly end: Held }

/** List of the presences in a room. `of` is the node or client that has this list. */
export type ViewRecord = { readonly of: string; readonly room: string; readonly view: View }

/** A whole run. */
export type Run = {
  /** Time at which all clients had joined and the traffic began. */
  readonly from: number
  /** Time at which the traffic had ended and the last messages had had time to arrive. */
  readonly to: number
  readonly faults: readonly Fault[]
  readonly clients: readonly ClientRecord[]
  readonly views: readonly ViewRecord[]
  readonly held: readonly HeldRecord[]
}
