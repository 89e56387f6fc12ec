import type { Swept } from '../limits/sweep.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import type { Channel } from './channel.ts'
import { callbackOf, type Item } from './item.ts'

type Warn = (details: object, message: string) => void
type Pending = { readonly item: Item | null; readonly since: number }

/**
 * Channel callbacks whose promise is pending. A callback that takes too long is logged once, because it delays all
 * later messages of its channel. The callbacks are stored in the order of their start. So the periodic `sweep` checks
 * only the oldest callbacks, and no timer per message is needed.
 */
export class PendingCallbacks implements Swept {
  readonly #warnAfter: number
  readonly #warn: Warn
  readonly #throttledLog: ThrottledLog
  /** Pending callback of each channel. A channel has at most one. */
  readonly #pending: Map<Channel, Pending>

  /** @param warnAfter milliseconds after which a callback that is still pending is logged; Infinity for never. */
  constructor(warnAfter: number, warn: Warn, throttledLog: ThrottledLog) {
    this.#warnAfter = warnAfter
    this.#warn = warn
    this.#throttledLog = throttledLog
    this.#pending = new Map()
  }

  /** Add a callback that has returned a promise; a null item stands for the join. */
  add(channel: Channel, item: Item | null): void {
    if (this.#warnAfter !== Infinity) this.#pending.set(channel, { item, since: performance.now() })
  }

  /** Remove the callback of a channel. Called when the callback's promise has settled. */
  remove(channel: Channel): void {
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

  #write({ topic, socketId, definition }: Channel, callback: string, pendingMs: number): void {
    this.#throttledLog.write(`pending ${definition.contract.topic} ${callback}`, (count) =>
      this.#warn({ socketId, topic, callback, pendingMs, count }, 'callback still pending'),
    )
  }
}
