import { setTimeout as delay } from 'node:timers/promises'
import type { Broadcast } from '../../protocol/index.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { dispatch } from '../pubsub/fastlane.ts'
import { PubSub, type Subscriber } from '../pubsub/pubsub.ts'

/** One node of the cluster that an adapter's tests run on. */
export type SuiteMember = {
  /** Not started yet. */
  readonly adapter: PubSubAdapter
  /** Give back what the node has beside its adapter, which the suite stops. */
  stop?(): void | Promise<void>
}

/** Options of the suite. */
export type PubSubSuite = {
  /** `test` of vitest, jest or node:test, or anything like it. */
  test(title: string, run: () => Promise<void>): unknown
  /** A new cluster, which no other test uses: what comes back makes one node after the other of it. */
  cluster(): MemberOf | Promise<MemberOf>
  /** The adapter reaches nobody: only what a single node can is tested. Default: false. */
  readonly isAlone?: boolean
  /** Break the connection over which a node receives. Default: that is not tested. */
  interrupt?(member: SuiteMember): void | Promise<void>
}

/** Makes a node of a cluster. */
export type MemberOf = () => SuiteMember | Promise<SuiteMember>

/** How long what was sent may take to arrive, in ms. */
const ARRIVAL_MS = 5_000

/** A cluster for one test. */
export class SuiteCluster {
  readonly #member: MemberOf
  readonly #nodes: SuiteNode[]

  constructor(member: MemberOf) {
    this.#member = member
    this.#nodes = []
  }

  /** Another node, started. */
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

/** One node of it, with what it was told. */
export class SuiteNode {
  readonly member: SuiteMember
  readonly pubsub: PubSub
  /** The topics whose broadcasts may have been missed. */
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

  /** Subscribe to a topic; a listener that subscribes when the promise resolves. */
  async subscribe(topic: string): Promise<SuiteListener> {
    const { listener, stands } = this.begin(topic)
    await stands
    return listener
  }

  /** Subscribe to a topic without waiting for it. */
  begin(topic: string): { listener: SuiteListener; stands: void | Promise<void> } {
    this.#listeners += 1
    const listener = new SuiteListener(`${this.#number}:${this.#listeners}`)
    return { listener, stands: this.pubsub.subscribe(topic, listener) }
  }

  /** Wait until it was told of that many gaps. */
  async missed(count: number): Promise<void> {
    await arrived(this.gaps, count)
  }
}

/** Keeps what it hears. */
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

  /** Wait until it has heard that many. */
  async has(count: number): Promise<void> {
    await arrived(this.heard, count)
  }
}

/** Run a test on a cluster of its own. */
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

/** Wait until a list has that many items. */
export async function arrived(list: readonly unknown[], count: number): Promise<void> {
  const deadline = performance.now() + ARRIVAL_MS
  while (list.length < count) {
    if (performance.now() > deadline)
      throw new Error(`${list.length} of ${count} arrived within ${ARRIVAL_MS} ms`)
    await delay(5)
  }
}
