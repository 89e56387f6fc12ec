import type { PubSubAdapter } from './adapter.ts'

/** Adapter for a single node, without connections to other nodes. */
export class LocalAdapter implements PubSubAdapter {
  start(): void {}
  stop(): void {}
  subscribe(): void {}
  unsubscribe(): void {}
  publish(): undefined {}
}
