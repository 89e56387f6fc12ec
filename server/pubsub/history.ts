import type { Broadcast } from '../../protocol/index.ts'

// Problem: clients that were disconnected must get missed broadcasts when they rejoin, once and in order (RECOVERY-1).
//
// Approach: a store keeps the latest broadcasts of each topic in a log, and gives each broadcast a sequence number.
// Channels read the log through the pubsub. A local store delivers in the event-loop turn of the `append`. A shared
// store delivers a kept broadcast after reading the broadcast from the shared log, so all nodes see the same sequence
// number.
//
// Invariant: the broadcasts of a topic are delivered in the order of their sequence numbers, without gaps, and `replay`
// never returns a broadcast that is not delivered yet. In the event-loop turn in which a channel reads the end of the
// log, the channel also begins to receive deliveries. So the channel misses no broadcast and gets none twice.

/** Settings of a history: the field `history` of a contract, with defaults for absent settings. */
export type HistorySettings = {
  /** Topic pattern of the contract. */
  readonly pattern: string
  /** Number of latest broadcasts that each topic keeps, within `ttlMs` and `maxBytes`. A shared store may keep more. */
  readonly size: number
  /**
   * Maximum age of a kept broadcast, in milliseconds. A topic that stays unused for this time gets a new epoch at its
   * next use.
   */
  readonly ttlMs: number
  /** Maximum total size of a topic's kept payloads, in bytes of JSON. */
  readonly maxBytes: number
  /** Milliseconds for which the deduplication key of a broadcast is stored. */
  readonly keyTtlMs: number
  /** Names of the events whose broadcasts are kept. */
  readonly events: ReadonlySet<string>
  /** Number of latest broadcasts that are sent to a client that joins without asking for recovery. */
  readonly onJoin: number
}

/** Position in the log of a topic. */
export type Position = {
  /** Id of the log: decimal digits as text, because the number exceeds 2^53. Compared only for equality. */
  readonly epoch: string
  /**
   * Sequence number of a broadcast in this epoch, consecutive from 1. 0 is the position before the first broadcast.
   */
  readonly seq: number
}

/** Broadcast in a store, without its frames. */
export type Kept = {
  /** Sequence number of the broadcast in the current epoch; 0 for a broadcast of an earlier epoch. */
  readonly seq: number
  /** Time of the append, in milliseconds since 1970 on the store's clock. */
  readonly at: number
  readonly event: string
  /** Id of the sender, which does not get the broadcast; null if all subscribers get it (BROADCAST-2). */
  readonly from: string | null
  /** Payload as JSON text. */
  readonly json: string
}

/** Result of an append. */
export type Appended =
  /** The broadcast is kept now, or was kept earlier with the same key. */
  | { readonly outcome: 'kept'; readonly position: Position }
  /** It is unknown whether the broadcast is kept. Calling `append` again with the same key is safe. */
  | { readonly outcome: 'unknown' }
  /** The key was used before, for another event or payload. */
  | { readonly outcome: 'key_reused' }

/** Part of a log that can be replayed: all sequence numbers from `low` to `head`. */
export type Extent = {
  readonly epoch: string
  /** Sequence number of the oldest kept broadcast; `head + 1` if no broadcast is kept. */
  readonly low: number
  /** Sequence number of the latest broadcast; 0 if the epoch has no broadcast yet. */
  readonly head: number
}

/** Recovery of a joining client, from its join params `_since` and `_last` (RECOVERY-3) or from `onJoin`. */
export type RecoveryRequest = {
  /** Cursor of the client; null if the cursor is absent or malformed. */
  readonly since: Position | null
  /** Number of latest broadcasts that the client gets if its cursor cannot be used. */
  readonly last: number
  /**
   * Position of the latest broadcast before the join callback ran. Null if this position was not read, for example
   * because the client has a cursor.
   */
  readonly noted: Position | null
}

/**
 * Position in the log after which a joining client continues. The join reply contains the position, `head` and
 * `recovered` in its field `_recovery` (RECOVERY-4).
 */
export type Recovery = Position & {
  readonly head: number
  /** True if the client gets all broadcasts after its cursor. */
  readonly recovered: boolean
  /** Broadcasts of earlier epochs, sent first and without `seq`. Empty if `RecoveryRequest.last` is 0. */
  readonly earlier: readonly Kept[]
}

/**
 * Part of a history to read: the latest broadcasts, the latest broadcasts before a sequence number, or the first
 * broadcasts after a position or sequence number.
 */
export type HistoryRange =
  | { readonly last: number; readonly before?: number }
  | { readonly since: Position | number; readonly limit: number }

/** Result of `endpoint.history`. The first element of `entries` is the oldest broadcast. */
export type HistoryPart = {
  readonly epoch: string
  readonly head: number
  readonly entries: readonly Kept[]
  /** True if the history keeps broadcasts of this epoch that are older than all `entries`. */
  readonly hasOlder: boolean
}

/** Events of a store that are counted in metrics. */
export type HistoryNote =
  /** The store has read and delivered `count` broadcasts that this node had missed. */
  | { readonly kind: 'filled'; readonly topic: string; readonly count: number }
  /** `count` broadcasts of a topic were read from the shared log. */
  | { readonly kind: 'read'; readonly topic: string; readonly count: number }
  /** The epoch of a topic has changed. */
  | { readonly kind: 'epoch'; readonly topic: string; readonly count?: 1 }
  /** The shared log refused a broadcast, or could not be reached in time. `append` returned `unknown`. */
  | { readonly kind: 'refused'; readonly topic: string; readonly count?: 1 }

/** Settings for handing the histories of one process over to the next. */
export type HandOver = {
  /** Path of the file. When the store starts, it reads and removes the file. When it stops, it writes a new file. */
  readonly file: string
  /** Return the settings of a topic's history; null if the topic has no history. */
  settingsOf(topic: string): HistorySettings | null
  /** Write a warning to the application's logger. Never throws. */
  warn(details: object, message: string): void
}

/** Interface through which a store uses its node. */
export interface HistoryHost {
  /** Maximum memory of the store on this node, in bytes, including deduplication keys. */
  readonly maxBytes: number
  /** Hand-over to the next process. If null or absent, histories end with the process. */
  readonly handOver?: HandOver | null
  /**
   * Deliver to the topic's subscribers on this node, except the sender. For the kept broadcasts of a topic, the store
   * must call this method in the order of `broadcast.seq`, without gaps. Never throws.
   */
  deliver(broadcast: Broadcast): void
  /**
   * Called with the topics whose histories have lost broadcasts, or whose epochs have ended. Ends the channels of
   * clients that asked for recovery, so that these clients rejoin (RECOVERY-11). Never throws.
   */
  broken(topics: readonly string[]): void
  /** Count an event. Never throws. */
  note(note: HistoryNote): void
  /** Report an internal error of the store. Never throws. */
  failed(call: string, cause: unknown): void
}

/**
 * Store of topics with a history. Delivers the broadcasts of these topics, except those of `PubSub.localBroadcast`.
 * Keeps only the broadcasts passed to `append`.
 */
export interface HistoryStore {
  /** Memory that the store uses on this node, in bytes. */
  readonly bytes: number
  start(): void | Promise<void>
  /** Called once per `sweepInterval` of the endpoint, by default each second. */
  sweep?(): void
  /** Stop. Afterwards, `append` returns `unknown`. */
  stop(): void | Promise<void>
  /**
   * Called when a topic has its first subscriber on this node, right after the adapter's `subscribe`. A returned
   * promise resolves as soon as the store can receive the topic's broadcasts, or after the store's time limit. The
   * promise never rejects.
   */
  subscribe(topic: string, settings: HistorySettings): void | Promise<void>
  /** Called when a topic has lost its last subscriber on this node. */
  unsubscribe(topic: string): void
  /**
   * Keep a JSON broadcast, and deliver it on all nodes in the order of sequence numbers. If the broadcast cannot be
   * kept, it is not delivered. `key` has at most 128 characters. Each topic has its own keys.
   */
  append(broadcast: Broadcast, settings: HistorySettings, key: string | null): Appended | Promise<Appended>
  /**
   * Deliver a broadcast on all nodes without keeping it. The order relative to kept broadcasts is preserved. Resolves
   * with false if the other nodes cannot be reached, like `PubSubAdapter.publish`.
   */
  pass(broadcast: Broadcast, settings: HistorySettings): Promise<boolean> | undefined
  /**
   * Return the position at the end of the topic's log; null if the log cannot be read. Called before the join callback
   * if the client asks for recovery without a cursor. Never rejects.
   */
  head(topic: string, settings: HistorySettings): Position | null | Promise<Position | null>
  /**
   * Compute the position after which a client of a subscribed topic continues (see `recoveryOf`). Pass the position to
   * `answer` before a further broadcast is delivered. If the log cannot be read within the store's time limit, pass
   * null (RECOVERY-12). `answer` is called exactly once.
   */
  recover(
    topic: string,
    settings: HistorySettings,
    request: RecoveryRequest,
    answer: (recovery: Recovery | null) => void,
  ): void
  /**
   * Return up to `count` delivered broadcasts of a subscribed topic that follow a position. Returns an empty list if
   * no later broadcast has been delivered. Returns null if the broadcasts are no longer kept, or the epoch has changed.
   * Returns a promise if the broadcasts must be read first; the promise never rejects. When the promise settles, call
   * `replay` again.
   */
  replay(topic: string, after: Position, count: number): readonly Kept[] | null | Promise<void>
  /**
   * Read a part of a topic's history for the application, even if this node has no subscriber of the topic. Resolves
   * with null if the history cannot be read now.
   */
  read(topic: string, settings: HistorySettings, range: HistoryRange): Promise<HistoryPart | null>
}

/** Creates the store of a node. */
export type OpenHistory = (host: HistoryHost) => HistoryStore

/**
 * Compute the position after which a client continues in the log. If the log has all broadcasts after the client's
 * cursor, return the cursor. If not, return a position that gives the client the latest broadcasts (see
 * `RecoveryRequest`).
 */
export function recoveryOf(
  { epoch, low, head }: Extent,
  request: RecoveryRequest,
): Omit<Recovery, 'earlier'> {
  const { since, last, noted } = request
  // If the epoch has changed since the position was noted, all broadcasts of the new epoch are later.
  const startAfter = (position: Position) =>
    position.epoch !== epoch ? low - 1 : isWhole(position) ? position.seq : head
  const isWhole = ({ epoch: of, seq }: Position) => of === epoch && seq >= low - 1 && seq <= head
  if (since !== null && isWhole(since)) return { epoch, seq: since.seq, head, recovered: true }
  const start = since === null && noted !== null ? startAfter(noted) : head
  return { epoch, seq: Math.min(start, Math.max(low - 1, head - last)), head, recovered: false }
}
