import type { Broadcast } from '../../protocol/index.ts'
import { BroadcastKeys } from './broadcast-keys.ts'
import type { HistorySettings } from './history.ts'
import type { Run } from './run.ts'

/** Memory of a topic and of a kept broadcast beside its payload, about. */
const TOPIC_BYTES = 1_000
const KEPT_BYTES = 200
/** Keys that are remembered for each kept broadcast. */
const KEYS_PER_BROADCAST = 4
/** Milliseconds for which a topic lives that was joined, but not published to. */
const EMPTY_TTL_MS = 60_000

/** One topic of a `LocalHistory`. */
export class LocalTopic {
  readonly settings: HistorySettings
  readonly run: Run
  readonly keys: BroadcastKeys
  /** Whether this node has subscribers of the topic. */
  isFollowed: boolean
  /** When it was last used while it was not followed. */
  usedAt: number
  /** Place of the latest broadcast that was handed to the subscribers. */
  delivered: number
  /** Broadcasts that were sent while another is delivered; null while none is. */
  waiting: Broadcast[] | null

  constructor(settings: HistorySettings, run: Run, now: number) {
    this.settings = settings
    this.run = run
    this.keys = new BroadcastKeys(settings.keyTtlMs, settings.size * KEYS_PER_BROADCAST)
    this.isFollowed = false
    this.usedAt = now
    this.delivered = run.head
    this.waiting = null
  }

  /** Memory, about. */
  get bytes(): number {
    return TOPIC_BYTES + this.run.bytes + this.run.count * KEPT_BYTES + this.keys.bytes
  }

  /** Drop what is too old, too many or too large. */
  trim(now: number): void {
    const { size, maxBytes, ttlMs } = this.settings
    const { run } = this
    for (let oldest = run.oldest; oldest !== undefined; oldest = run.oldest) {
      if (run.count <= size && run.bytes <= maxBytes && oldest.at + ttlMs > now) return
      run.drop()
    }
  }

  /** Whether nobody may come back to it. */
  isOver(now: number): boolean {
    const { ttlMs } = this.settings
    return (
      !this.isFollowed && this.usedAt + (this.run.head === 0 ? Math.min(ttlMs, EMPTY_TTL_MS) : ttlMs) <= now
    )
  }
}
