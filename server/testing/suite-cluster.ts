import { setTimeout as delay } from 'node:timers/promises'
import type { Broadcast } from '../../protocol/index.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { dispatch } from '../pubsub/fastlane.ts'
import { PubSub, type Subscriber } from '../pubsub/pubsub.ts'

/** Adapter for one node of a test cluster, and a function that releases the node's other resources. */
export type SuiteMember = {
  /** Adapter that has not been started yet. */
  readonly adapter: PubSubAdapter
  /** Release the resources of the node except the adapter, which the suite stops. */
  stop?(): void | Promise<void>
}

/** Options of `pubsubSuite`: how to define a test, and how to create nodes with the adapter under test. */
export type PubSubSuite = {
  /** Function that defines a test, such as `test` of vitest, jest or node:test. */
  test(title: string, run: () => Promise<void>): unknown
  /** Create a new cluster, which no other test uses. Returns a function that creates one more node at each call. */
  cluster(): MemberOf | Promise<MemberOf>
  /** True if the adapter connects no nodes. Then the suite skips the tests that need several nodes. Default: false. */
  readonly isAlone?: boolean
  /**
   * Break the connection over which a node receives broadcasts. If this function is omitted, broken connections are not
   * tested.
   */
  interrupt?(member: SuiteMember): void | Promise<void>
}

/** Function that creates a node of a cluster. */
export type MemberOf = () => SuiteMember | Promise<SuiteMember>

/** Maximum time for a broadcast to arrive, in milliseconds. */
const ARRIVAL_MS = 5_000

/** Cluster for one test. */
export class SuiteCluster {
  readonly #member: MemberOf
  readonly #nodes: SuiteNode[]

  constructor(member: MemberOf) {
    this.#member = member
    this.#nodes = []
  }

  /** Create and start another node. */
  async node(): Promise<SuiteNode> {
    const node = new SuiteNode(await this.#member(), this.#nodes.length)
    this.#nodes.push(node)
    await node.pubsub.start((topics) => void node.gaps.push(...topics))
    return node
  }

  async stop(): Promise<void> {
    for (const { pubsub, member } of this.#nodes) {
      await pubsub.stop()
      await member.stop?.()
    }
  }
}

/** One node of a test cluster: the given `SuiteMember` with its pub/sub. */
export class SuiteNode {
  readonly member: SuiteMember
  readonly pubsub: PubSub
  /** Topics on which this node may have missed broadcasts, in the order in which the adapter reported them. */
  readonly gaps: string[]
  readonly #number: number
  #listeners: number

  constructor(member: SuiteMember, number: number, pubsub = new PubSub(member.adapter, dispatch)) {
    this.member = member
    this.pubsub = pubsub
    this.gaps = []
    this.#number = number
    this.#listeners = 0
  }

  /** Subscribe to a topic. Resolves with the listener when it is subscribed. */
  async subscribe(topic: string): Promise<SuiteListener> {
    const { listener, stands } = this.begin(topic)
    await stands
    return listener
  }

  /** Subscribe to a topic, without waiting for the subscription. */
  begin(topic: string): { listener: SuiteListener; stands: void | Promise<void> } {
    this.#listeners += 1
    const listener = new SuiteListener(`${this.#number}:${this.#listeners}`)
    return { listener, stands: this.pubsub.subscribe(topic, listener) }
  }

  /** Wait until the adapter has reported `count` topics on which this node may have missed broadcasts. */
  async missed(count: number): Promise<void> {
    await reach(count, this.gaps, 'gaps were reported')
  }
}

/** Subscriber that keeps the broadcasts that it receives. */
export class SuiteListener implements Subscriber {
  readonly id: string
  readonly heard: Broadcast[]

  constructor(id: string) {
    this.id = id
    this.heard = []
  }

  get payloads(): object[] {
    return this.heard.map(({ payload }) => Object(payload))
  }

  receive(broadcast: Broadcast): void {
    this.heard.push(broadcast)
  }

  /** Wait until this subscriber has received `count` broadcasts. */
  async has(count: number): Promise<void> {
    await reach(count, this.heard, 'broadcasts arrived')
  }
}

/** Run a test on its own cluster. */
export async function withCluster(
  suite: PubSubSuite,
  run: (cluster: SuiteCluster) => Promise<void>,
): Promise<void> {
  const cluster = new SuiteCluster(await suite.cluster())
  try {
    await run(cluster)
  } finally {
    await cluster.stop()
  }
}

/** Wait until a list has `count` items. `event` is part of the error message, for example `broadcasts arrived`. */
async function reach(count: number, list: readonly unknown[], event: string): Promise<void> {
  const deadline = performance.now() + ARRIVAL_MS
  while (list.length < count) {
    if (performance.now() > deadline)
      throw new Error(`only ${list.length} of ${count} ${event} within ${ARRIVAL_MS} ms`)
    await delay(5)
  }
}
