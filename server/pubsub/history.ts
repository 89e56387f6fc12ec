import type { Broadcast } from '../../protocol/index.ts'

// Problem: clients that were disconnected must get missed broadcasts when they rejoin, once and in order (RECOVERY-1).
//
// Approach: a store keeps the latest broadcasts of each topic in a log; channels read from it through the pubsub. A
// local store delivers within `append`. A shared store delivers when its own broadcast comes back to it, at the place
// that the broadcast has on all nodes.
//
// Invariant: the log of a topic delivers places in order, without gaps, and `replay` never returns a place that was not
// delivered yet. So a channel that has read to the end of the log, and takes deliveries from the same event-loop turn
// on, misses nothing and gets nothing twice.

/** Settings of a history: those of its contract, with defaults. */
export type HistorySettings = {
  /** Topic pattern of the contract. */
  readonly pattern: string
  /** Minimum number of broadcasts that each topic keeps. */
  readonly size: number
  /** Milliseconds for which a broadcast is kept, and for which an unused topic keeps its places. */
  readonly ttlMs: number
  /** Maximum size of a topic's payloads, in bytes of JSON. */
  readonly maxBytes: number
  /** Milliseconds for which the key of a broadcast is stored. */
  readonly keyTtlMs: number
  /** Events that are kept. */
  readonly events: ReadonlySet<string>
  /** Number of latest broadcasts for a client that joins without asking for recovery. */
  readonly onJoin: number
}

/** Place in the log of a topic. */
export type Position = {
  /** Id of the log: decimal digits, compared only for equality, as they exceed 2^53. */
  readonly epoch: string
  /** Number of a broadcast, consecutive from 1; 0 is the place before the first. */
  readonly seq: number
}

/** Broadcast in a store, without its frames. */
export type Kept = {
  /** Place; 0 for a broadcast of an earlier epoch, which no cursor can continue. */
  readonly seq: number
  /** Time of the append, in milliseconds since 1970 on the store's clock. */
  readonly at: number
  readonly event: string
  /** Sender that is left out, or null (BROADCAST-2). */
  readonly from: string | null
  /** Payload as JSON text. */
  readonly json: string
}

/** Result of an append. */
export type Appended =
  /** The broadcast is kept, or was kept before with the same key. */
  | { readonly outcome: 'kept'; readonly position: Position }
  /** The broadcast may not be kept. Repeating it with the same key is safe. */
  | { readonly outcome: 'unknown' }
  /** The key was used for another event or payload. */
  | { readonly outcome: 'key_reused' }

/** Part of a log that can be replayed: all places from `low` to `head`. */
export type Extent = {
  readonly epoch: string
  /** Lowest place that is kept; `head + 1` if none is. */
  readonly low: number
  /** Place of the latest broadcast; 0 before the first. */
  readonly head: number
}

/** Recovery that a client asks for. */
export type RecoveryRequest = {
  /** Cursor of the client; null if it is absent or malformed. */
  readonly since: Position | null
  /** Number of latest broadcasts to start with, if the cursor cannot be used. */
  readonly last: number
  /** Head before the join callback ran, for a client without a cursor; null if it was not read. */
  readonly noted: Position | null
}

/** Place where a client continues: `_recovery` of the join's reply, without the identity (RECOVERY-4). */
export type Recovery = Position & {
  readonly head: number
  /** Whether the client gets all broadcasts after its cursor. */
  readonly recovered: boolean
  /** Broadcasts of an earlier epoch, sent first and without places; only for `last`. */
  readonly earlier: readonly Kept[]
}

/** Part of a history to read: the latest broadcasts before a place, or those after one. */
export type HistoryRange =
  | { readonly last: number; readonly before?: number }
  | { readonly since: Position | number; readonly limit: number }

/** Result of `endpoint.history`, the oldest broadcast first. */
export type HistoryPart = {
  readonly epoch: string
  readonly head: number
  readonly entries: readonly Kept[]
  /** Whether older broadcasts with places are kept. */
  readonly hasOlder: boolean
}

/** Events of a store that are counted in metrics. */
export type HistoryNote =
  /** `count` missing places have been read and delivered. */
  | { readonly kind: 'filled'; readonly topic: string; readonly count: number }
  /** The shared store was read for a topic. */
  | { readonly kind: 'read'; readonly topic: string; readonly count: number }
  /** The epoch of a topic has changed. */
  | { readonly kind: 'epoch'; readonly topic: string; readonly count?: 1 }
  /** A broadcast may not be kept. */
  | { readonly kind: 'refused'; readonly topic: string; readonly count?: 1 }

/** How the histories of one process are handed over to the next. */
export type HandOver = {
  /** Path of the file: written when the store stops, taken when it starts. */
  readonly file: string
  /** The settings of a topic's history; null if it has none. */
  settingsOf(topic: string): HistorySettings | null
  /** Write a line to the log. Never throws. */
  warn(details: object, message: string): void
}

/** Interface through which a store uses its node. */
export interface HistoryHost {
  /** Maximum memory of the store on this node, in bytes, including keys. */
  readonly maxBytes: number
  /** Null or absent: histories end with the process. */
  readonly handOver?: HandOver | null
  /**
   * Deliver to the topic's subscribers on this node, except the sender. A kept broadcast has its place in
   * `broadcast.seq`; the places of a topic must be delivered in order, without gaps. Never throws.
   */
  deliver(broadcast: Broadcast): void
  /**
   * Called when places of these topics are lost, or their epoch has ended. Clients that asked for recovery rejoin,
   * spread over some seconds, and get no kept broadcasts until then (RECOVERY-11). Never throws.
   */
  broken(topics: readonly string[]): void
  /** Count an event. Never throws. */
  note(note: HistoryNote): void
  /** Report an internal error of the store. Never throws. */
  failed(call: string, cause: unknown): void
}

/** Keeps the broadcasts of topics with a history, and delivers all broadcasts of these topics. */
export interface HistoryStore {
  /** Memory of the store on this node, in bytes. */
  readonly bytes: number
  start(): void | Promise<void>
  /** Called once in the endpoint's `sweepInterval`, a second by default. */
  sweep?(): void
  /** Stop. Afterwards nothing is kept or delivered: `append` returns `unknown`. */
  stop(): void | Promise<void>
  /**
   * Called when a topic has its first subscriber on this node, right after the adapter's `subscribe`. A returned
   * promise, which never rejects, settles when broadcasts are delivered, or when the store no longer waits for that.
   */
  subscribe(topic: string, settings: HistorySettings): void | Promise<void>
  /** Called when a topic has lost its last subscriber on this node. */
  unsubscribe(topic: string): void
  /**
   * Keep a JSON broadcast, and deliver it on all nodes at its place; if it is not kept, it is not delivered. Keys
   * have at most 128 characters and are per topic.
   */
  append(broadcast: Broadcast, settings: HistorySettings, key: string | null): Appended | Promise<Appended>
  /** Deliver an unkept broadcast on all nodes, in order with kept ones. Returns as `PubSubAdapter.publish`. */
  pass(broadcast: Broadcast, settings: HistorySettings): Promise<boolean> | undefined
  /** Current head, read before a new client's join callback; null if it cannot be read. Never rejects. */
  head(topic: string, settings: HistorySettings): Position | null | Promise<Position | null>
  /**
   * Decide where a client of a subscribed topic continues (`recoveryOf`). Always calls `answer` once, in the event-loop
   * turn of the decision; with null when the log cannot be read within the store's time limit (RECOVERY-12).
   */
  recover(
    topic: string,
    settings: HistorySettings,
    request: RecoveryRequest,
    answer: (recovery: Recovery | null) => void,
  ): void
  /**
   * Return up to `count` delivered broadcasts of a subscribed topic that follow a position. An empty list means that
   * the position is the latest delivered one. Null means that they are no longer kept, or that the epoch has changed.
   * A promise, which never rejects, means that they are being read: call again when it settles.
   */
  replay(topic: string, after: Position, count: number): readonly Kept[] | null | Promise<void>
  /** Read a history for the application, of any topic that has one. Resolves with null if it cannot be read now. */
  read(topic: string, settings: HistorySettings, range: HistoryRange): Promise<HistoryPart | null>
}

/** Creates the store of a node. */
export type OpenHistory = (host: HistoryHost) => HistoryStore

/**
 * Compute where a client continues. It is recovered if all broadcasts after its cursor are kept. Otherwise it starts at
 * the head noted before its join ran, or with the latest broadcasts that it asked for.
 */
export function recoveryOf(
  { epoch, low, head }: Extent,
  request: RecoveryRequest,
): Omit<Recovery, 'earlier'> {
  const { since, last, noted } = request
  const isWhole = ({ epoch: of, seq }: Position) => of === epoch && seq >= low - 1 && seq <= head
  if (since !== null && isWhole(since)) return { epoch, seq: since.seq, head, recovered: true }
  const start = since === null && noted !== null && isWhole(noted) ? noted.seq : head
  return { epoch, seq: Math.min(start, Math.max(low - 1, head - last)), head, recovered: false }
}
