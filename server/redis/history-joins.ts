import { type Recovery, type RecoveryRequest, recoveryOf } from '../pubsub/history.ts'
import type { HistoryLog } from './history-log.ts'

/** Join that waits for a read from Redis. The read shows where the client continues in the topic's history. */
type Join = {
  readonly request: RecoveryRequest
  readonly answer: (recovery: Recovery | null) => void
  /** True if `HistoryLog.sync` was called after the join arrived. */
  hasSynced: boolean
}

/** A read from Redis that must finish before a join can be decided. */
type Need =
  | { readonly kind: 'sync' }
  | { readonly kind: 'fetch'; readonly after: number }
  | { readonly kind: 'earlier'; readonly count: number }

/** Timers of waiting joins. `expire` is called when a join has waited too long. */
export type JoinTimes = { add(expire: () => void): void; delete(expire: () => void): void }

/**
 * Decides where clients that join one topic continue in the topic's history. If the log has the necessary broadcasts in
 * memory, a join is answered immediately. Otherwise the topic's stream in Redis must be read: joins of the same
 * event-loop turn share a read, and joins that arrive during a read share the next read.
 */
export class HistoryJoins {
  readonly #log: HistoryLog
  readonly #times: JoinTimes
  /** Waiting joins, each with its timeout callback. */
  readonly #waiting: Map<Join, () => void>
  #isWorking: boolean

  constructor(log: HistoryLog, times: JoinTimes) {
    this.#log = log
    this.#times = times
    this.#waiting = new Map()
    this.#isWorking = false
  }

  /** Decide where a joining client continues, and pass the decision to `answer` (see `HistoryStore.recover`). */
  add(request: RecoveryRequest, answer: (recovery: Recovery | null) => void): void {
    const join: Join = { request, answer, hasSynced: false }
    const decided = decide(this.#log, join)
    if (!('kind' in decided)) return answer(decided)
    const expire = () => this.#answer(join, null)
    this.#waiting.set(join, expire)
    this.#times.add(expire)
    this.resume()
  }

  /** Try again to answer the waiting joins, for example after a failed read. */
  resume(): void {
    if (this.#isWorking || this.#waiting.size === 0) return
    this.#isWorking = true
    setImmediate(() => void this.#work())
  }

  /** Answer all waiting joins with null. */
  close(): void {
    for (const join of this.#waiting.keys()) this.#answer(join, null)
  }

  async #work(): Promise<void> {
    let canRead = true
    while (canRead && this.#waiting.size > 0) {
      const needs = this.#decideAll()
      if (needs.length > 0) canRead = await this.#read(needs)
    }
    this.#isWorking = false
  }

  #decideAll(): Need[] {
    const needs: Need[] = []
    for (const join of this.#waiting.keys()) {
      const decided = decide(this.#log, join)
      if (!('kind' in decided)) this.#answer(join, decided)
      else {
        if (decided.kind === 'sync') join.hasSynced = true
        needs.push(decided)
      }
    }
    return needs
  }

  /** Perform one read that some or all of the joins need. Resolves with false if the read failed. */
  #read(needs: readonly Need[]): Promise<boolean> {
    if (needs.some(({ kind }) => kind === 'sync')) return this.#log.sync()
    const after = needs.flatMap((need) => (need.kind === 'fetch' ? need.after : []))
    if (after.length > 0) return this.#log.fetch(after.reduce((a, b) => Math.min(a, b)))
    const counts = needs.map((need) => (need.kind === 'earlier' ? need.count : 0))
    return this.#log.fetchEarlier(counts.reduce((a, b) => Math.max(a, b)))
  }

  #answer(join: Join, recovery: Recovery | null): void {
    const expire = this.#waiting.get(join)
    if (expire === undefined) return
    this.#waiting.delete(join)
    this.#times.delete(expire)
    join.answer(recovery)
  }
}

/** Decide where a client continues. Returns the recovery, or what must be read before the decision. */
function decide(log: HistoryLog, { request, hasSynced }: Join): Recovery | Need {
  const { position } = log
  const { since, last } = request
  if (position === null) return { kind: 'sync' }
  const { epoch, seq: head } = position
  const isWithin = since !== null && since.epoch === epoch && since.seq <= head
  // Compare the log with the stream first, because the client may be ahead of this node.
  if (since !== null && !isWithin && !hasSynced) return { kind: 'sync' }
  if (isWithin && (since.seq === head || log.has(since.seq + 1))) {
    return { epoch, seq: since.seq, head, recovered: true, earlier: [] }
  }
  if (isWithin && since.seq + 1 >= log.low) return { kind: 'fetch', after: since.seq }
  const start = recoveryOf({ epoch, low: log.low, head }, request)
  if (start.seq < head && !log.has(start.seq + 1)) return { kind: 'fetch', after: start.seq }
  const count = last - (head - start.seq)
  if (count <= 0 || !log.hasEarlier || start.seq >= log.low) return { ...start, earlier: [] }
  const earlier = log.earlier(count)
  return earlier === null ? { kind: 'earlier', count } : { ...start, earlier }
}
