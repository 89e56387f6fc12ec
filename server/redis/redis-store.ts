import { matchTopic } from '../../protocol/index.ts'
import { type Change, PresenceState } from '../presence/state.ts'
import type { PresenceScope, PresenceStore } from '../presence/store.ts'
import { readSnapshot } from './presence-snapshot.ts'
import { PresenceTopic, type PresenceTopicHost } from './presence-topic.ts'

/** Services of a node that all its `RedisStore` objects share. */
export type RedisStoreHost = Pick<PresenceTopicHost, 'connection' | 'membership' | 'lifetime' | 'report'> & {
  /** Presence topics of all stores, by their Redis key. */
  readonly topics: Map<string, PresenceTopic>
}

/** Listeners of one store (see `OpenStore`). */
export type StoreListeners = Pick<PresenceTopicHost, 'changed' | 'dropped'>

/** Store of one presence definition. All nodes share its presences through Redis. */
export class RedisStore implements PresenceStore {
  readonly #scope: PresenceScope
  readonly #host: RedisStoreHost
  readonly #topicHost: PresenceTopicHost

  constructor(scope: PresenceScope, listeners: StoreListeners, host: RedisStoreHost) {
    this.#scope = scope
    this.#host = host
    const { connection, membership, lifetime, report } = host
    const rested = (topic: PresenceTopic) => this.#forgetIdle(topic)
    this.#topicHost = { ...listeners, connection, membership, lifetime, rested, report }
  }

  /** Returns true if the topic matches the pattern of the presence definition. */
  fits(topic: string): boolean {
    return matchTopic(this.#scope.pattern, topic)
  }

  /** Follow a topic on which this node has channels. Resolves when other nodes' presences are known. Never rejects. */
  enter(topic: string): Promise<void> {
    return this.#open(topic).enter()
  }

  /** Stop following a topic on which this node no longer has channels. */
  leave(topic: string): void {
    this.#find(topic)?.leave()
  }

  change(topic: string, change: Change): void {
    this.#open(topic).change(change)
  }

  view(topic: string): PresenceState {
    return this.#find(topic)?.view ?? new PresenceState()
  }

  async read(topic: string): Promise<PresenceState> {
    const known = this.#find(topic)
    if (known?.isFollowed) return known.view
    try {
      return await this.#readAll(topic)
    } catch (error) {
      this.#host.report(error)
      return this.view(topic)
    }
  }

  async #readAll(topic: string): Promise<PresenceState> {
    const { connection, membership } = this.#host
    const { entries } = await readSnapshot(connection, this.#key(topic))
    await membership.lookUp(entries.map(({ incarnation }) => incarnation))
    const state = new PresenceState()
    for (const presence of this.#find(topic)?.own ?? []) state.join(presence)
    for (const { incarnation, presence } of entries) {
      if (membership.isLiving(incarnation)) state.join(presence)
    }
    return state
  }

  #find(topic: string): PresenceTopic | undefined {
    return this.#host.topics.get(this.#key(topic))
  }

  #open(topic: string): PresenceTopic {
    const key = this.#key(topic)
    let opened = this.#host.topics.get(key)
    if (opened === undefined) {
      opened = new PresenceTopic(topic, key, this.#topicHost)
      this.#host.topics.set(key, opened)
    }
    return opened
  }

  #forgetIdle(topic: PresenceTopic): void {
    if (topic.isIdle && this.#host.topics.get(topic.key) === topic) this.#host.topics.delete(topic.key)
  }

  #key(topic: string): string {
    return this.#host.connection.keys.ofTopic(topic, 'presence', this.#scope.name)
  }
}
