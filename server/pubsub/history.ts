import type { Broadcast } from '../../protocol/index.ts'

// A topic with a history keeps its latest broadcasts, so that clients which were away get them when they rejoin
// (RECOVERY-1). A store keeps them; the channels read from it; the pubsub is between the two.
//
// A store has one log per topic that this node follows. The log delivers places in order, one after the other, and
// `replay` never returns a place that the log has not delivered yet: so a channel which has read up to the end of
// the log, and takes what is delivered from the same turn of the event loop on, misses nothing and hears nothing
// twice. A local store delivers within `append`; a store that shares its topics delivers when its own broadcast
// comes back to it, at the place which that has on all nodes.

/** A history's settings: those of its contract, laid over the defaults. */
export type HistorySettings = {
  /** The topic pattern of the contract. */
  readonly pattern: string
  /** Broadcasts that each topic keeps, at least. */
  readonly size: number
  /** Milliseconds for which a broadcast is kept, and for which a topic's places live after it was last used. */
  readonly ttlMs: number
  /** Bytes of payloads, as JSON in UTF-8, that each topic keeps. */
  readonly maxBytes: number
  /** Milliseconds for which the key of a broadcast is remembered. */
  readonly keyTtlMs: number
  /** The events that are kept. */
  readonly events: ReadonlySet<string>
  /** The latest broadcasts that a client gets at each join if it does not ask for recovery. */
  readonly onJoin: number
}

/** A place in the life of a topic. */
export type Position = {
  /** Decimal digits, compared for equality alone: they exceed 2^53. */
  readonly epoch: string
  /** The number of a broadcast, one above that of the one before it; 0 = before the first. */
  readonly seq: number
}

/** A broadcast that a store keeps. Its frames are not kept. */
export type Kept = {
  /** Its place; 0 for one of an earlier epoch, from which no cursor goes on. */
  readonly seq: number
  /** When it was kept, in ms since 1970 by the store's clock. */
  readonly at: number
  readonly event: string
  /** The sender that is left out, or null (BROADCAST-2). */
  readonly from: string | null
  /** The payload's JSON text. */
  readonly json: string
}

/** The outcome of an append. */
export type Appended =
  /** It is kept, here, or was kept before under the same key. */
  | { readonly outcome: 'kept'; readonly position: Position }
  /** It is not kept, or not known to be: nobody may rely on it, and it is safe to repeat under its key. */
  | { readonly outcome: 'unknown' }
  /** The key stands for another event or payload. */
  | { readonly outcome: 'key_reused' }

/** The part of a topic that can be replayed: everything above `low - 1`, up to `head`. */
export type Extent = {
  readonly epoch: string
  /** The lowest place that is kept; `head + 1` if none is. */
  readonly low: number
  /** The place of the latest broadcast; 0 before the first. */
  readonly head: number
}

/** A client's wish to go on. */
export type RecoveryRequest = {
  /** Its cursor; null if it has none, or one that cannot be read. */
  readonly since: Position | null
  /** The number of latest broadcasts to begin with, if there is nothing to go on from. */
  readonly last: number
  /** The head before the join callback ran, for a client without a cursor; null if it was not read. */
  readonly noted: Position | null
}

/** How a client goes on: `_recovery` of the join's reply, without its identity (RECOVERY-4). */
export type Recovery = Position & {
  readonly head: number
  /** Whether the client gets everything above its cursor. */
  readonly recovered: boolean
  /** Broadcasts of an earlier epoch, to be sent first, without places; only for `last`. */
  readonly earlier: readonly Kept[]
}

/** The part of a history that is read: the latest before a place, or what follows one. */
export type HistoryRange =
  | { readonly last: number; readonly before?: number }
  | { readonly since: Position | number; readonly limit: number }

/** A history as it is read by `endpoint.history`, oldest first. */
export type HistoryPart = {
  readonly epoch: string
  readonly head: number
  readonly entries: readonly Kept[]
  /** Whether older ones are kept that have places. */
  readonly hasOlder: boolean
}

/** The counted events of a store. */
export type HistoryNote =
  /** Places were missing and have been read and delivered; `count` of them. */
  | { readonly kind: 'filled'; readonly topic: string; readonly count: number }
  /** The shared store was read for a topic. */
  | { readonly kind: 'read'; readonly topic: string; readonly count: number }
  /** A topic has another epoch than before. */
  | { readonly kind: 'epoch'; readonly topic: string; readonly count?: 1 }
  /** A broadcast is not kept, or not known to be. */
  | { readonly kind: 'refused'; readonly topic: string; readonly count?: 1 }

/** What a store needs of the node. */
export interface HistoryHost {
  /** Bytes that the store may use on this node, the memory of keys included. */
  readonly maxBytes: number
  /**
   * Deliver to the topic's subscribers of this node, all but the one that the broadcast is from. A kept one has its
   * place in `broadcast.seq`, and places of a topic are delivered one after the other. Never throws.
   */
  deliver(broadcast: Broadcast): void
  /**
   * Places of these topics are lost, or their epoch has ended: clients which asked for recovery rejoin, spread over
   * some seconds, and hear nothing that is kept until then (RECOVERY-11). Never throws.
   */
  broken(topics: readonly string[]): void
  /** Count something. Never throws. */
  note(note: HistoryNote): void
  /** Report a fault of the store's own. Never throws. */
  failed(call: string, cause: unknown): void
}

/** Keeps the broadcasts of topics with a history, and delivers all broadcasts of these topics. */
export interface HistoryStore {
  /** Bytes that the store uses on this node. */
  readonly bytes: number
  start(): void | Promise<void>
  /** Called once in the endpoint's `sweepInterval`, a second by default. */
  sweep?(): void
  /** Nothing is kept or delivered afterwards: `append` answers `unknown`. */
  stop(): void | Promise<void>
  /**
   * The topic has its first subscriber on this node; called right after the adapter's `subscribe`. A promise, which
   * never rejects, settles when broadcasts are delivered, or when the store waits no longer for that.
   */
  subscribe(topic: string, settings: HistorySettings): void | Promise<void>
  /** It has none any more. */
  unsubscribe(topic: string): void
  /**
   * Keep a broadcast of JSON, and deliver it on all nodes at its place, to nobody if it is not kept. A key has at
   * most 128 characters and counts within the topic.
   */
  append(broadcast: Broadcast, settings: HistorySettings, key: string | null): Appended | Promise<Appended>
  /** Deliver an event that is not kept on all nodes, in order with those that are. As `PubSubAdapter.publish`. */
  pass(broadcast: Broadcast, settings: HistorySettings): Promise<boolean> | undefined
  /** The present head, before a newcomer's join callback; null if it cannot be read. Never rejects. */
  head(topic: string, settings: HistorySettings): Position | null | Promise<Position | null>
  /**
   * Decide how a client of a subscribed topic goes on (`recoveryOf`). `answer` is called once, in any case, in the
   * turn in which it was decided; with null when that cannot be known within the store's time limit (RECOVERY-12).
   */
  recover(
    topic: string,
    settings: HistorySettings,
    request: RecoveryRequest,
    answer: (recovery: Recovery | null) => void,
  ): void
  /**
   * Up to `count` broadcasts of a subscribed topic that come next after a position and have been delivered here.
   * None: the position is the last that was delivered. Null: they are not there any more, or the epoch is another.
   * A promise, which never rejects: they are being read; ask again when it settles.
   */
  replay(topic: string, after: Position, count: number): readonly Kept[] | null | Promise<void>
  /** Read for an application; null if that is not possible now. May be called for any topic with a history. */
  read(topic: string, settings: HistorySettings, range: HistoryRange): Promise<HistoryPart | null>
}

/** Makes the store of a node. */
export type OpenHistory = (host: HistoryHost) => HistoryStore

/**
 * How a client goes on, by what can be replayed: it is recovered if all above its cursor is there, and otherwise
 * begins with the head that was noted before its join ran, or the latest ones that it asked for.
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
