import { callback, checkOption, string } from '../../protocol/check.ts'
import type { Broadcast } from '../../protocol/index.ts'
import { CallbackError } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { PubSub, Subscriber } from './pubsub.ts'

/** Called with each broadcast of a topic; the next does not wait for its promise. */
export type BroadcastListener = (broadcast: Broadcast) => unknown

/** What a subscription needs of the running system. */
export interface SubscriptionHost {
  readonly pubsub: PubSub
  newId(): string
  settle<T>(promise: PromiseLike<T>): Promise<T | undefined>
  report(error: CallbackError): void
}

/** A callback that is subscribed to a topic, made by `endpoint.subscribe`. */
export class Subscription implements Subscriber {
  /** Given to `endpoint.broadcastFrom`, leaves this subscription out. */
  readonly id: string
  readonly topic: string
  /** Resolves as soon as broadcasts of other nodes arrive; never rejects. */
  readonly ready: Promise<void>
  readonly #host: SubscriptionHost
  readonly #listener: BroadcastListener
  #isOpen: boolean

  /** @throws UsageError when the topic is not a string or the listener not a function. */
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

  /** End the subscription: the callback is not called again. Does nothing the second time. */
  unsubscribe(): void {
    this.#isOpen = false
    this.#host.pubsub.unsubscribe(this.topic, this)
  }

  /** For the pubsub: an error of the callback is reported, and concerns no other subscriber. */
  receive(broadcast: Broadcast): void {
    // A subscriber before it may have ended it.
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
