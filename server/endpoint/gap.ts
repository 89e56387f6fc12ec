import { PHX_ERROR } from '../../protocol/index.ts'
import { Channel } from '../channel/channel.ts'
import { shutdown } from '../channel/result.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { telemetry } from '../telemetry/telemetry.ts'

/**
 * Effect on a topic's channels if this node may have missed broadcasts of other nodes on the topic. With `'continue'`,
 * the channels stay open. With `'rejoin'`, the channels end, so that their clients rejoin and load the current state.
 */
export type OnGap = 'continue' | 'rejoin'

/** Milliseconds within which the affected channels are ended, in groups, so that not all clients rejoin at once. */
const SPREAD_MS = 5_000
/** Maximum number of groups into which the affected channels are divided. */
const STEPS = 100

/**
 * Handles broadcasts that this node may have missed: publishes a telemetry event for each topic, and makes clients
 * rejoin if `onGap` is `'rejoin'` (BROADCAST-6).
 */
export class Gaps {
  readonly #endpoint: { readonly pubsub: PubSub }
  readonly #onGap: OnGap
  readonly #timers: Set<NodeJS.Timeout>

  constructor(endpoint: { readonly pubsub: PubSub }, onGap: OnGap) {
    this.#endpoint = endpoint
    this.#onGap = onGap
    this.#timers = new Set()
  }

  /** Called when this node may have missed broadcasts on these topics. */
  missed(topics: readonly string[]): void {
    this.#publish(topics)
    if (this.#onGap === 'rejoin') this.#rejoin(topics.flatMap((topic) => this.#channelsOf(topic)))
  }

  /**
   * Called with the topics whose histories have lost broadcasts. Clients that asked for recovery must rejoin
   * (RECOVERY-11). With `onGap: 'rejoin'`, all other clients of the topics must rejoin too.
   */
  broken(topics: readonly string[]): void {
    this.#publish(topics)
    const channels = topics.flatMap((topic) => this.#channelsOf(topic))
    const asking = channels.filter(({ recoveryId }) => recoveryId !== null)
    // Send no more broadcasts of the history to these clients. Their channels end within a few seconds.
    for (const { catchUp } of asking) catchUp?.stop()
    this.#rejoin(this.#onGap === 'rejoin' ? channels : asking)
  }

  /** Cancel the timers that would end channels. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers.clear()
  }

  #publish(topics: readonly string[]): void {
    if (!telemetry.gap.hasSubscribers) return
    for (const topic of topics) telemetry.gap.publish({ endpoint: this.#endpoint, topic })
  }

  #channelsOf(topic: string): Channel[] {
    return [...this.#endpoint.pubsub.subscribers(topic)].filter((subscriber) => subscriber instanceof Channel)
  }

  #rejoin(channels: Channel[]): void {
    if (channels.length === 0) return
    const steps = Math.min(STEPS, channels.length)
    const portion = Math.ceil(channels.length / steps)
    const timer = setInterval(() => {
      for (const channel of channels.splice(0, portion)) {
        // Try again later, because the reply to the channel's join is not sent yet.
        if (channel.isJoining) channels.push(channel)
        // Send `phx_error`, as after a crash, because clients do not rejoin after `phx_close` (END-1, END-2).
        else channel.end(shutdown('gap'), PHX_ERROR)
      }
      if (channels.length > 0) return
      clearInterval(timer)
      this.#timers.delete(timer)
    }, SPREAD_MS / steps).unref()
    this.#timers.add(timer)
  }
}
