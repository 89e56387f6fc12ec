import { checkOption } from '../../protocol/check.ts'
import { LocalStore } from '../presence/local-store.ts'
import type { OpenStore } from '../presence/store.ts'
import { type PubSubAdapter, pubsubAdapter } from '../pubsub/adapter.ts'
import type { OpenHistory } from '../pubsub/history.ts'
import { LocalAdapter } from '../pubsub/local-adapter.ts'
import { LocalHistory } from '../pubsub/local-history.ts'
import { type Claim, checkClaim, type Engine } from './engine.ts'
import type { Nodes, QuestionHandler } from './nodes.ts'

/**
 * Engine for a single node. If `adapter` connects several nodes, the nodes share only broadcasts, not presences or
 * histories.
 */
export class LocalEngine implements Engine {
  readonly adapter: PubSubAdapter
  readonly openPresence: OpenStore = (_presence, changed) => new LocalStore(changed)
  readonly openHistory?: OpenHistory
  readonly nodes: Nodes = new NoOtherNodes()
  readonly state = 'up'

  /** @throws UsageError with `PHX_ERR_OPTION` when the adapter lacks a method. */
  constructor(adapter: PubSubAdapter = new LocalAdapter()) {
    checkOption('the adapter of a LocalEngine', adapter, pubsubAdapter)
    this.adapter = adapter
    // `LocalHistory` supports a single node. An adapter other than `LocalAdapter` connects several nodes.
    if (adapter instanceof LocalAdapter) this.openHistory = (host) => new LocalHistory(host)
  }

  start(): void {}
  stop(): void {}

  async claim(name: string, periodMs: number): Promise<Claim> {
    checkClaim(name, periodMs)
    return { scope: 'cluster', nextInMs: periodMs }
  }
}

/** `Nodes` that answers no question, not even a question to this node itself. */
class NoOtherNodes implements Nodes {
  async ask(): Promise<undefined> {}

  tell(): void {}

  async askAll(): Promise<unknown[]> {
    return []
  }

  answer(_question: string, _answer: QuestionHandler): void {}
}
