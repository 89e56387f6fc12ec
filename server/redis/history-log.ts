import { setTimeout as delay } from 'node:timers/promises'
import { Broadcast } from '../../protocol/index.ts'
import type { HistoryHost, HistorySettings, Kept, Position } from '../pubsub/history.ts'
import { type CacheBytes, HistoryCache } from './history-cache.ts'
import { type HistoryPage, type HistoryReader, PAGE } from './history-reader.ts'
import type { Echoed } from './message.ts'

// The history of a topic is a stream in Redis. On each node, a log follows the stream, and delivers the broadcasts of
// the topic in the order of their sequence numbers. The log stores the sequence number of the latest delivered
// broadcast (`#seq`). It delivers a message with the next sequence number and drops a message
// with a lower number. If sequence numbers are missing (a hole), or a message belongs to another epoch (see
// `history-scripts.ts`), the log holds the arriving messages, reads the stream, and delivers first the missed messages,
// then the held messages. If a hole cannot be filled, the topic counts as broken. Then the clients that asked for
// recovery must rejoin (RECOVERY-11). All other clients continue with the messages that exist.
//
// Invariant: a message raises `#seq` by at most 1. Only a read of the stream changes `#seq` in another way.

/**
 * Maximum number of held messages. Further messages replace the oldest ones. A replaced message is read from the
 * stream later, if the history still keeps this message.
 */
const MAX_HELD = 1_000
/** Milliseconds from a failed read until the next attempt, for a client that is catching up. */
const RETRY_MS = 100

/** Services that the logs of a node share. */
export interface HistoryLogHost {
  readonly host: HistoryHost
  readonly reader: Pick<HistoryReader, 'read'>
  readonly cached: CacheBytes
  /** Called when a read has failed. The read will be repeated. */
  report(error: unknown): void
  /** Called when the cache was used. The host clears the cache some time after its last use. */
  touched(log: HistoryLog): void
  /** Called when the log has reached the head (the latest sequence number) of the stream. */
  synced(log: HistoryLog): void
}

/** Log of one topic with a history. It delivers the topic's broadcasts in order. */
export class HistoryLog {
  readonly topic: string
  readonly settings: HistorySettings
  /** Time of the next comparison of the log with its stream, on the clock of `performance.now()`. */
  dueAt: number
  readonly #host: HistoryLogHost
  readonly #cache: HistoryCache
  readonly #fetches: Map<number, Promise<boolean>>
  /** Epoch of the stream; null before the first read. */
  #epoch: string | null
  /** Sequence number of the latest delivered broadcast. */
  #seq: number
  #low: number
  #hasEarlier: boolean
  /** Time of Redis minus the time of this process, in milliseconds. */
  #skew: number
  /** Messages that wait until the stream has been read; null if no read is necessary. */
  #held: Echoed[] | null
  #isStale: boolean
  /** Number of held messages that arrived before the running read was sent. */
  #heldBefore: number
  #syncing: Promise<boolean> | null
  #isCaching: boolean
  #isClosed: boolean

  constructor(topic: string, settings: HistorySettings, host: HistoryLogHost) {
    this.topic = topic
    this.settings = settings
    this.dueAt = 0
    this.#host = host
    this.#cache = new HistoryCache(host.cached)
    this.#fetches = new Map()
    this.#epoch = null
    this.#seq = 0
    this.#low = 1
    this.#hasEarlier = false
    this.#skew = 0
    this.#held = []
    this.#isStale = false
    this.#heldBefore = 0
    this.#syncing = null
    this.#isCaching = false
    this.#isClosed = false
  }

  /** Epoch and sequence number of the latest delivered broadcast; null before the first read. */
  get position(): Position | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, seq: this.#seq }
  }

  /** Lowest sequence number that, as far as this node knows, can still be replayed. */
  get low(): number {
    return this.#low
  }

  /** True if the stream has entries of earlier epochs, as of the latest read. */
  get hasEarlier(): boolean {
    return this.#hasEarlier
  }

  /** True if the stream must be read, because it was not read yet or the latest read failed. */
  get mustSync(): boolean {
    return this.#held !== null && this.#syncing === null
  }

  /** Handle a message from the topic's Redis channel. */
  receive(echoed: Echoed): void {
    if (this.#held !== null) return this.#hold(echoed)
    if (this.#take(echoed)) return
    this.#held = [echoed]
    void this.sync()
  }

  /**
   * Read the stream and deliver the missed messages, at least up to the head at the time of this call. Resolves with
   * false if the read failed. Never rejects.
   */
  sync(): Promise<boolean> {
    this.#isStale = true
    this.#held ??= []
    // Deferred, so that `#syncing` is set before `#syncAll` resets it.
    this.#syncing ??= Promise.resolve().then(() => this.#syncAll())
    return this.#syncing
  }

  /** Compare the log with its stream. The comparison also extends the stream's lifetime. Never rejects. */
  async check(): Promise<void> {
    if (this.#held !== null) {
      if (this.#syncing === null) await this.sync()
      return
    }
    const page = await this.#read(null, 0)
    if (page === null || this.#held !== null) return
    if (page.epoch !== this.#epoch || page.head !== this.#seq) await this.sync()
  }

  /**
   * Read up to `PAGE` broadcasts into the cache, beginning after the sequence number `after`. Resolves with false if
   * the read failed. Never rejects.
   */
  fetch(after: number): Promise<boolean> {
    const known = this.#fetches.get(after)
    if (known !== undefined) return known
    const fetched = this.#fetch(after).finally(() => this.#fetches.delete(after))
    this.#fetches.set(after, fetched)
    return fetched
  }

  /**
   * Read the latest `count` entries of earlier epochs into the cache. Resolves with false if the read failed. Never
   * rejects.
   */
  async fetchEarlier(count: number): Promise<boolean> {
    this.#touch()
    const found: Kept[] = []
    let place: string | null = `${this.#epoch}-1`
    while (place !== null && found.length < count) {
      const rest = count - found.length
      const page = await this.#attempt({
        mode: 'follow',
        direction: 'before',
        epoch: this.#epoch,
        place,
        count: rest,
      })
      if (page === null || this.#isClosed) return false
      if (page.epoch !== this.#epoch) return this.sync()
      found.unshift(...page.entries)
      place = page.oldest
    }
    this.#touch()
    this.#cache.keepEarlier(found, count)
    return true
  }

  /** Return the latest `count` entries of earlier epochs; null if these entries must be read first. */
  earlier(count: number): readonly Kept[] | null {
    return this.#cache.earlier(count)
  }

  /** Returns true if the broadcast with this sequence number is in the cache and has not expired. */
  has(seq: number): boolean {
    return this.#cached(seq) !== null
  }

  /** Return up to `count` broadcasts after a position (see `HistoryStore.replay`). */
  replay(after: Position, count: number): readonly Kept[] | null | Promise<void> {
    if (after.epoch !== this.#epoch || after.seq > this.#seq) return null
    if (after.seq === this.#seq) return []
    this.#touch()
    const found: Kept[] = []
    const last = Math.min(this.#seq, after.seq + count)
    for (let seq = after.seq + 1; seq <= last; seq++) {
      const kept = this.#cached(seq)
      if (kept === null) break
      found.push(kept)
    }
    if (found.length > 0) return found
    return after.seq + 1 < this.#low ? null : this.#fetchForReplay(after.seq)
  }

  /** Clear the cache, which holds broadcasts for joining clients. */
  clearCache(): void {
    this.#isCaching = false
    this.#cache.clear()
  }

  close(): void {
    this.#isClosed = true
    this.#held = []
    this.clearCache()
  }

  #touch(): void {
    if (this.#isClosed) return
    this.#isCaching = true
    this.#host.touched(this)
  }

  #cached(seq: number): Kept | null {
    const kept = this.#cache.get(seq)
    if (kept === undefined) return null
    if (kept.at + this.settings.ttlMs > Date.now() + this.#skew) return kept
    this.#cache.delete(seq)
    this.#low = Math.max(this.#low, seq + 1)
    return null
  }

  async #fetch(after: number): Promise<boolean> {
    this.#touch()
    const page = await this.#read(after, PAGE)
    if (page === null || this.#isClosed) return false
    if (page.epoch !== this.#epoch) return this.sync()
    this.#touch()
    this.#low = Math.max(this.#low, page.low)
    for (const kept of page.entries) this.#cache.add(kept)
    // If the first wanted broadcast could not be read, it has expired: raise `#low`.
    const low = page.entries[0]?.seq ?? (page.last ?? page.head) + 1
    if (page.head > after && !this.has(after + 1)) this.#low = Math.max(this.#low, low)
    return true
  }

  async #fetchForReplay(after: number): Promise<void> {
    if (!(await this.fetch(after))) await delay(RETRY_MS, undefined, { ref: false })
  }

  #hold(echoed: Echoed): void {
    if (this.#held === null) return
    if (this.#held.length >= MAX_HELD) {
      this.#held.shift()
      this.#isStale = true
    }
    this.#held.push(echoed)
  }

  /**
   * Deliver a message with the next sequence number, or drop a message with a lower number. Returns false if sequence
   * numbers before the message are missing, or if the message belongs to another epoch.
   */
  #take(echoed: Echoed): boolean {
    const { epoch, at, broadcast } = echoed
    const { seq, event, from, json } = broadcast
    if (epoch === null) {
      this.#host.host.deliver(broadcast)
      return true
    }
    if (epoch !== this.#epoch || seq > this.#seq + 1) return false
    if (seq <= this.#seq) return true
    this.#moveTo({ seq, at, event, from, json: json ?? '' })
    this.#host.host.deliver(broadcast)
    return true
  }

  #moveTo(kept: Kept): void {
    this.#seq = kept.seq
    if (!this.#isCaching) return
    this.#cache.add(kept)
    this.#cache.delete(kept.seq - this.settings.size)
  }

  async #syncAll(): Promise<boolean> {
    let isDone = true
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false
      this.#heldBefore = this.#held?.length ?? 0
      const page = await this.#read(this.#epoch === null ? null : this.#seq, PAGE)
      if (this.#isClosed) break
      if (page === null) {
        isDone = false
        break
      }
      this.#adopt(page)
      if (page.head > this.#seq) this.#isStale = true
      else this.#takeHeld()
    }
    this.#syncing = null
    if (this.#isClosed || !isDone) return false
    this.#held = null
    this.#host.synced(this)
    return true
  }

  #adopt({ epoch, head, low, hasEarlier, entries }: HistoryPage): void {
    this.#hasEarlier = hasEarlier
    if (this.#epoch === null) {
      this.#epoch = epoch
      this.#seq = head
      this.#low = low
      return
    }
    if (epoch !== this.#epoch) return this.#begin(epoch, low)
    this.#low = low
    this.#fill(entries, head)
  }

  /**
   * Switch to a new epoch. `#seq` becomes the position before the oldest kept broadcast of this epoch, so that the next
   * read delivers all kept broadcasts of the epoch.
   */
  #begin(epoch: string, low: number): void {
    this.#epoch = epoch
    this.#seq = low - 1
    this.#low = low
    this.#cache.clear()
    this.#host.host.note({ kind: 'epoch', topic: this.topic })
    this.#host.host.broken([this.topic])
  }

  #fill(entries: readonly Kept[], head: number): void {
    const { host } = this.#host
    const next = entries[0]?.seq ?? head + 1
    if (next > this.#seq + 1 || head < this.#seq) {
      this.#seq = Math.min(next - 1, head)
      host.broken([this.topic])
    }
    let count = 0
    for (const kept of entries) {
      if (kept.seq !== this.#seq + 1 || this.#isClosed) continue
      const { event, json, from, seq } = kept
      this.#takeBefore(seq)
      this.#moveTo(kept)
      host.deliver(Broadcast.fromJson(this.topic, event, json, { from, seq }))
      count += 1
    }
    if (count > 0) host.note({ kind: 'filled', topic: this.topic, count })
  }

  /**
   * Remove the held messages that arrived before the held message with this sequence number. Deliver those that are not
   * kept. Drop the others: the stream has delivered them, or their epoch has ended.
   */
  #takeBefore(seq: number): void {
    const held = this.#held ?? []
    const at = held.findIndex(({ epoch, broadcast }) => epoch === this.#epoch && broadcast.seq === seq)
    if (at <= 0) return
    this.#heldBefore = Math.max(0, this.#heldBefore - at)
    for (const echoed of held.splice(0, at)) if (echoed.epoch === null) this.#take(echoed)
  }

  /** Process the held messages. The first `#heldBefore` messages arrived before the stream was read. */
  #takeHeld(): void {
    const held = this.#held ?? []
    this.#held = []
    for (const [index, echoed] of held.entries()) {
      if (this.#take(echoed)) continue
      // If the message arrived before the read, drop it: its epoch has ended, or Redis has lost the message.
      if (index < this.#heldBefore) continue
      // This message arrived after the read. Hold it and all later messages, and read the stream again.
      this.#held = held.slice(index)
      this.#isStale = true
      return
    }
  }

  #read(after: number | null, count: number): Promise<HistoryPage | null> {
    const limit = after === null ? 0 : count
    return this.#attempt({
      mode: 'follow',
      direction: 'after',
      epoch: this.#epoch,
      place: after === null ? null : `${this.#epoch}-${after}`,
      count: limit,
    })
  }

  async #attempt(query: Parameters<HistoryReader['read']>[2]): Promise<HistoryPage | null> {
    try {
      const page = await this.#host.reader.read(this.topic, this.settings, query)
      this.#skew = page.now - Date.now()
      return page
    } catch (error) {
      this.#host.report(error)
      return null
    }
  }
}
