import { callback, checkOption, string } from '../../protocol/check.ts'
import type { Broadcast } from '../../protocol/index.ts'
import { CallbackError } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { PubSub, Subscriber } from './pubsub.ts'

/** Called with each broadcast of a topic. A returned promise does not delay the next call. */
export type BroadcastListener = (broadcast: Broadcast) => unknown

/** Interface through which a subscription uses its endpoint. */
export interface SubscriptionHost {
  readonly pubsub: PubSub
  newId(): string
  settle<T>(promise: PromiseLike<T>): Promise<T | undefined>
  report(error: CallbackError): void
}

/** Subscription of a callback to a topic, created by `endpoint.subscribe`. */
export class Subscription implements Subscriber {
  /** Id of this subscription. To skip this subscription, pass the id to `endpoint.broadcastFrom`. */
  readonly id: string
  readonly topic: string
  /**
   * Resolves when this node can receive broadcasts of other nodes on the topic, or when the attempt to subscribe has
   * failed or timed out. Never rejects.
   */
  readonly ready: Promise<void>
  readonly #host: SubscriptionHost
  readonly #listener: BroadcastListener
  #isOpen: boolean

  /** @throws UsageError when the topic is not a string or the listener is not a function. */
  constructor(host: SubscriptionHost, topic: string, listener: BroadcastListener) {
    checkOption('endpoint.subscribe(): the topic', topic, string)
    checkOption('endpoint.subscribe(): the listener', listener, callback)
    this.id = host.newId()
    this.topic = topic
    this.#host = host
    this.#listener = listener
    this.#isOpen = true
    const standing = host.pubsub.subscribe(topic, this)
    this.ready = standing === undefined ? Promise.resolve() : host.settle(standing)
  }

  /** End the subscription. The listener is not called again. Repeated calls of `unsubscribe` have no effect. */
  unsubscribe(): void {
    this.#isOpen = false
    this.#host.pubsub.unsubscribe(this.topic, this)
  }

  /** Called by the pubsub. An error of the callback is reported, and does not affect other subscribers. */
  receive(broadcast: Broadcast): void {
    // A subscriber that received this broadcast earlier may have ended this subscription.
    if (!this.#isOpen) return
    try {
      const result = this.#listener(broadcast)
      if (isPromise(result)) {
        void this.#host.settle(adopt(result).catch((cause: unknown) => this.#report(cause)))
      }
    } catch (cause) {
      this.#report(cause)
    }
  }

  #report(cause: unknown): void {
    this.#host.report(new CallbackError(this.topic, 'subscribe', cause))
  }
}
