import type { ServerSubscriptions } from './server-subscriptions.ts'

/** Receiver of the messages of one Redis channel. */
export type ChannelListener = (message: Buffer) => void

/** State of this node's subscription to one Redis channel. */
export class ChannelSubscription {
  readonly channel: string
  /** Receiver of the channel's messages; null if the channel is no longer wanted. */
  listener: ChannelListener | null
  state: 'idle' | 'subscribing' | 'live' | 'unsubscribing'
  /** Redis server that gets the subscribe command for the channel; null while this server is unknown. */
  server: ServerSubscriptions | null
  /** True if messages may have been missed while the channel was wanted but not subscribed to. */
  hasGap: boolean
  #subscribed: Promise<void> | null
  #settle: (() => void) | null

  constructor(channel: string) {
    this.channel = channel
    this.listener = null
    this.state = 'idle'
    this.server = null
    this.hasGap = false
    this.#subscribed = null
    this.#settle = null
  }

  get isWanted(): boolean {
    return this.listener !== null
  }

  get isAwaited(): boolean {
    return this.#subscribed !== null
  }

  /** Returns a promise that resolves when the channel is subscribed to, or when the attempt has failed or timed out. */
  subscribed(): Promise<void> {
    this.#subscribed ??= new Promise((resolve) => {
      this.#settle = resolve
    })
    return this.#subscribed
  }

  settle(): void {
    this.#settle?.()
    this.#subscribed = null
    this.#settle = null
  }
}
