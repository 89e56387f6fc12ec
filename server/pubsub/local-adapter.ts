import type { PubSubAdapter } from './adapter.ts'

/** The adapter of a single node: there is nobody else to reach. */
export class LocalAdapter implements PubSubAdapter {
  start(): void {}
  stop(): void {}
  subscribe(): void {}
  unsubscribe(): void {}
  publish(): undefined {}
}
