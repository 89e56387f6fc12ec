import type { Channel } from '../channel/channel.ts'
import { callbackOf, type Item } from '../channel/item.ts'
import { PendingCallbacks } from '../channel/pending-callbacks.ts'
import type { Transport } from '../channel/transport.ts'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import type { CallbackError } from '../errors.ts'
import type { Handshake } from '../socket/connect.ts'
import { Socket } from '../socket/socket.ts'

/** Pending callbacks of an endpoint's channels, with their names. Failures of tests list these callbacks. */
export class NamedCallbacks extends PendingCallbacks {
  readonly #endpoint: EndpointServer
  readonly #items: Map<Channel, Item | null>

  constructor(endpoint: EndpointServer) {
    // The endpoint's own `pendingCallbacks` writes the warnings.
    super(Number.POSITIVE_INFINITY, () => {}, endpoint.throttledLog)
    this.#endpoint = endpoint
    this.#items = new Map()
  }

  override add(channel: Channel, item: Item | null): void {
    this.#items.set(channel, item)
    this.#endpoint.pendingCallbacks.add(channel, item)
  }

  override remove(channel: Channel): void {
    this.#items.delete(channel)
    this.#endpoint.pendingCallbacks.remove(channel)
  }

  /** One line for each pending callback, and one for each other channel that is not idle. */
  lines(): string[] {
    const waiting = [...this.#endpoint.sockets].flatMap(({ channels }) => [...channels])
    const busy = waiting.filter((channel) => !channel.isIdle && !this.#items.has(channel))
    return [
      ...Array.from(this.#items, ([{ topic }, item]) => `  ${topic}: ${callbackOf(item)}`),
      ...busy.map(({ topic, isJoining }) => `  ${topic}${isJoining ? ': join' : ''}`),
    ]
  }
}

/** Socket that records the errors of joins and the pending callbacks. */
export class ObservedSocket extends Socket {
  readonly #callbacks: NamedCallbacks
  /** Errors of joins, by topic. */
  readonly #joinErrors: Map<string, CallbackError>

  constructor(
    endpoint: EndpointServer,
    handshake: Handshake,
    transport: Transport,
    callbacks: NamedCallbacks,
  ) {
    super(endpoint, handshake, transport)
    this.#callbacks = callbacks
    this.#joinErrors = new Map()
  }

  override get pendingCallbacks(): PendingCallbacks {
    return this.#callbacks
  }

  override report(error: CallbackError, topic: string): void {
    if (error.callback === callbackOf(null)) this.#joinErrors.set(topic, error)
    super.report(error, topic)
  }

  /** Return the error of the topic's latest failed join, once; null if no join of the topic has failed. */
  takeJoinError(topic: string): CallbackError | null {
    const error = this.#joinErrors.get(topic) ?? null
    this.#joinErrors.delete(topic)
    return error
  }
}
