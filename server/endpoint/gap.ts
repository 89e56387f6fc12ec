import { PHX_ERROR } from '../../protocol/index.ts'
import { Channel } from '../channel/channel.ts'
import { shutdown } from '../channel/result.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { telemetry } from '../telemetry/telemetry.ts'

/**
 * What becomes of a topic's channels when broadcasts of other nodes may have been missed: they go on, or
 * their clients rejoin, and read anew what they need.
 */
export type OnGap = 'continue' | 'rejoin'

/** Clients that rejoin all at once would be a storm: they are told within so many milliseconds, */
const SPREAD_MS = 5_000
/** in at most so many portions. */
const STEPS = 100

/** Hears of gaps, tells of them, and has channels rejoin (BROADCAST-6). */
export class Gaps {
  readonly #endpoint: { readonly pubsub: PubSub }
  readonly #onGap: OnGap
  readonly #timers: Set<NodeJS.Timeout>

  constructor(endpoint: { readonly pubsub: PubSub }, onGap: OnGap) {
    this.#endpoint = endpoint
    this.#onGap = onGap
    this.#timers = new Set()
  }

  /** Broadcasts on these topics may have been missed. */
  missed(topics: readonly string[]): void {
    if (telemetry.gap.hasSubscribers) {
      for (const topic of topics) telemetry.gap.publish({ endpoint: this.#endpoint, topic })
    }
    if (this.#onGap === 'rejoin') this.#rejoin(topics.flatMap((topic) => this.#channelsOf(topic)))
  }

  /** Places of these topics are lost: clients that asked for recovery rejoin, and are told (RECOVERY-11). */
  broken(topics: readonly string[]): void {
    const channels = topics
      .flatMap((topic) => this.#channelsOf(topic))
      .filter(({ isRecoverable }) => isRecoverable)
    for (const channel of channels) channel.suspend()
    this.#rejoin(channels)
  }

  /** Forget who has not been told yet. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers.clear()
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
        // Its client does not know yet that it has joined; the reply waits for no long time.
        if (channel.isJoining) channels.push(channel)
        // As after a crash: clients do not rejoin after an announced end (END-2).
        else channel.end(shutdown('gap'), PHX_ERROR)
      }
      if (channels.length > 0) return
      clearInterval(timer)
      this.#timers.delete(timer)
    }, SPREAD_MS / steps).unref()
    this.#timers.add(timer)
  }
}
