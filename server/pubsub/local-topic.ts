import type { Broadcast } from '../../protocol/index.ts'
import { BroadcastKeys } from './broadcast-keys.ts'
import type { HistorySettings } from './history.ts'
import type { Run } from './run.ts'

/** Approximate memory of an empty topic, in bytes. */
const TOPIC_BYTES = 1_000
/** Approximate memory of a kept broadcast without its payload, in bytes. */
const KEPT_BYTES = 200
/** Milliseconds after which an unused topic that has never had a broadcast is removed, unless `ttlMs` is shorter. */
const EMPTY_TTL_MS = 60_000

/** Topic of a `LocalHistory`. */
export class LocalTopic {
  readonly settings: HistorySettings
  readonly run: Run
  readonly keys: BroadcastKeys
  /** True while this node has subscribers of the topic. */
  isFollowed: boolean
  /** Time of the topic's last use. This time is not updated while the topic has subscribers. */
  usedAt: number
  /** Sequence number of the latest delivered broadcast. */
  delivered: number
  /** Broadcasts that wait for the end of a delivery; null while no delivery runs. */
  waiting: Broadcast[] | null

  constructor(settings: HistorySettings, run: Run, now: number) {
    this.settings = settings
    this.run = run
    this.keys = new BroadcastKeys(settings.keyTtlMs)
    this.isFollowed = false
    this.usedAt = now
    this.delivered = run.head
    this.waiting = null
  }

  /** True if the topic has never had a broadcast. */
  get isEmpty(): boolean {
    return this.run.head === 0
  }

  /**
   * Approximate memory, in bytes. `TOPIC_BYTES` counts only while the topic has no subscribers: a topic with
   * subscribers cannot be removed, and the limits of channels bound the number of such topics.
   */
  get bytes(): number {
    return (
      (this.isFollowed ? 0 : TOPIC_BYTES) + this.run.bytes + this.run.count * KEPT_BYTES + this.keys.bytes
    )
  }

  /**
   * Drop the oldest broadcasts until the remaining ones are within `ttlMs`, `size` and `maxBytes`. Remove expired keys.
   */
  trim(now: number): void {
    this.keys.forget(now)
    const { size, maxBytes, ttlMs } = this.settings
    const { run } = this
    for (let oldest = run.oldest; oldest !== undefined; oldest = run.oldest) {
      if (run.count <= size && run.bytes <= maxBytes && oldest.at + ttlMs > now) return
      run.drop()
    }
  }

  /** Returns true if the topic has expired. */
  isOver(now: number): boolean {
    const { ttlMs } = this.settings
    return !this.isFollowed && this.usedAt + (this.isEmpty ? Math.min(ttlMs, EMPTY_TTL_MS) : ttlMs) <= now
  }
}
