import type { Swept } from '../limits/sweep.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import { type ChannelHandle, callbackOf, type Item } from './channel-handle.ts'

type Warn = (details: object, message: string) => void
type Pending = { readonly item: Item | null; readonly since: number }

/**
 * Callbacks of channels whose promise is pending. A callback that takes too long holds back all later messages of
 * its channel, so it is written to the log once. There is no timer for each message: entries stand in the order
 * in which they came, and each sweep looks at the oldest ones only.
 */
export class PendingCallbacks implements Swept {
  readonly #warnAfter: number
  readonly #warn: Warn
  readonly #throttledLog: ThrottledLog
  /** A channel has one running callback at most. */
  readonly #pending: Map<ChannelHandle, Pending>

  /** @param warnAfter milliseconds until a callback is written to the log; Infinity for never. */
  constructor(warnAfter: number, warn: Warn, throttledLog: ThrottledLog) {
    this.#warnAfter = warnAfter
    this.#warn = warn
    this.#throttledLog = throttledLog
    this.#pending = new Map()
  }

  /** A callback has returned a promise; null stands for the join. */
  add(channel: ChannelHandle, item: Item | null): void {
    if (this.#warnAfter !== Infinity) this.#pending.set(channel, { item, since: performance.now() })
  }

  /** The channel's promise has settled. */
  remove(channel: ChannelHandle): void {
    this.#pending.delete(channel)
  }

  sweep(now: number): void {
    for (const [channel, { item, since }] of this.#pending) {
      const pendingMs = now - since
      if (pendingMs < this.#warnAfter) return
      this.#pending.delete(channel)
      this.#write(channel, callbackOf(item), Math.round(pendingMs))
    }
  }

  #write({ topic, socketId, definition }: ChannelHandle, callback: string, pendingMs: number): void {
    this.#throttledLog.write(`pending ${definition.contract.topic} ${callback}`, (count) =>
      this.#warn({ socketId, topic, callback, pendingMs, count }, 'callback still pending'),
    )
  }
}
