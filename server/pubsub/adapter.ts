import { rule } from '../../protocol/check.ts'
import type { Broadcast } from '../../protocol/index.ts'

/** Hands a broadcast that came from another node to this node's subscribers. */
export type Deliver = (broadcast: Broadcast) => void

/** Says that broadcasts of other nodes on these topics may have been missed. */
export type Gap = (topics: readonly string[]) => void

/** How the nodes of a cluster reach each other. Local delivery is not its business. */
export interface PubSubAdapter {
  /** Connect; from now on broadcasts of other nodes on subscribed topics go to `deliver`. */
  start(deliver: Deliver, gap: Gap): void | Promise<void>
  /** Disconnect; nothing is delivered afterwards. */
  stop(): void | Promise<void>
  /** The topic has its first local subscriber. A promise settles when the subscription stands. */
  subscribe(topic: string): void | Promise<void>
  /** The topic has lost its last local subscriber. */
  unsubscribe(topic: string): void
  /**
   * Send to all other nodes, in order per topic; false if it cannot, because they are out of reach. A
   * rejection is a fault, and is logged.
   */
  publish(broadcast: Broadcast): Promise<boolean> | undefined
}

const METHODS = ['start', 'stop', 'subscribe', 'unsubscribe', 'publish']

/** The rule of an adapter. */
export const pubsubAdapter = rule('a PubSubAdapter, such as new LocalAdapter()', (value) =>
  METHODS.every((method) => typeof Object(value)[method] === 'function'),
)
