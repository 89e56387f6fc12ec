import type { Home } from './home.ts'

/** Takes the messages of one channel. */
export type Listener = (message: Buffer) => void

/** One channel, as Redis knows of it through us. */
export class Subscription {
  readonly channel: string
  /** Null once nobody wants it any more. */
  listener: Listener | null
  state: 'idle' | 'subscribing' | 'live' | 'unsubscribing'
  /** The server that carries the channel; null while that is unknown. */
  home: Home | null
  /** Somebody counts on it, and messages may have passed while it did not stand. */
  hasGap: boolean
  #standing: Promise<void> | null
  #settle: (() => void) | null

  constructor(channel: string) {
    this.channel = channel
    this.listener = null
    this.state = 'idle'
    this.home = null
    this.hasGap = false
    this.#standing = null
    this.#settle = null
  }

  get isWanted(): boolean {
    return this.listener !== null
  }

  get isAwaited(): boolean {
    return this.#standing !== null
  }

  /** Settles when it stands, or when nobody need wait for it any more. */
  standing(): Promise<void> {
    this.#standing ??= new Promise((resolve) => {
      this.#settle = resolve
    })
    return this.#standing
  }

  settle(): void {
    this.#settle?.()
    this.#standing = null
    this.#settle = null
  }
}
