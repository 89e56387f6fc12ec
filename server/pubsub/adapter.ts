import { rule } from '../../protocol/check.ts'
import type { Broadcast } from '../../protocol/index.ts'

/** Delivers a broadcast of another node to this node's subscribers. */
export type Deliver = (broadcast: Broadcast) => void

/** Callback with the topics on which this node may have missed broadcasts of other nodes. */
export type Gap = (topics: readonly string[]) => void

/** Transport of broadcasts between the nodes of a cluster. `publish` does not deliver to local subscribers. */
export interface PubSubAdapter {
  /**
   * Connect. Afterwards, the adapter must call `deliver` with each broadcast of other nodes on a subscribed topic, and
   * `gap` with the topics on which this node may have missed broadcasts.
   */
  start(deliver: Deliver, gap: Gap): void | Promise<void>
  /** Disconnect. The adapter must not call `deliver` afterwards. */
  stop(): void | Promise<void>
  /** Called when a topic has its first local subscriber. A returned promise settles when the subscription is active. */
  subscribe(topic: string): void | Promise<void>
  /** Called when a topic has lost its last local subscriber. */
  unsubscribe(topic: string): void
  /**
   * Send a broadcast to all other nodes. The broadcasts of a topic must arrive in order. Resolves with false if the
   * other nodes cannot be reached. A rejection counts as an error of the adapter and is logged.
   */
  publish(broadcast: Broadcast): Promise<boolean> | undefined
}

const METHODS = ['start', 'stop', 'subscribe', 'unsubscribe', 'publish']

export const pubsubAdapter = rule(
  'a PubSubAdapter (methods start, stop, subscribe, unsubscribe and publish), such as new LocalAdapter()',
  (value) => METHODS.every((method) => typeof Object(value)[method] === 'function'),
)
