import { checkOption, type Rule, rule } from '../../protocol/check.ts'
import { checkEndpoint } from '../errors.ts'
import { isObject } from '../runtime/object.ts'
import type { PresenceHost, PresenceOwner, Tracked } from './tracked.ts'
import type { Place } from './tracker.ts'
import { Trackers } from './trackers.ts'

const channelSocket = rule(
  'given the socket of a channel',
  (value) => hasTrackers(value) && 'topic' in value && 'onEnd' in value,
)
const presenceOwner = rule(
  'given the socket of a channel, or endpoint.ownerOf(worker)',
  (value) => hasTrackers(value) && 'onEnd' in value,
)
const presenceKey = rule(
  'given a key that is a string or a number',
  (key) => typeof key === 'string' || typeof key === 'number',
)
const presenceTopic = rule('given a topic that is a string', (topic) => typeof topic === 'string')
const ownTopic = rule(
  'given a topic after the owner, because a worker has no topic: track(owner, topic, key, meta)',
  (owner) => 'topic' in Object(owner),
)

function hasTrackers(value: unknown): value is { readonly trackers: Trackers } {
  return isObject(value) && value['trackers'] instanceof Trackers
}

/** Checks the arguments of a presence's functions. Its methods throw a UsageError that names the presence. */
export class Arguments {
  readonly #owner: string

  constructor(owner: string) {
    this.#owner = owner
  }

  trackers(host: PresenceHost): Trackers {
    checkEndpoint(this.#owner, host, hasTrackers)
    return host.trackers
  }

  channel(socket: Tracked): Tracked {
    this.#check(socket, channelSocket)
    return socket
  }

  key(key: unknown): string {
    this.#check(key, presenceKey)
    return String(key)
  }

  topic(topic: unknown): string {
    this.#check(topic, presenceTopic)
    return topic as string
  }

  /**
   * Return the owner and the topic of a call. `where` contains the arguments after the owner. If `where` has at least
   * `count` elements, the first element is the topic. Otherwise, `owner` must be a channel; its topic is returned.
   */
  place(owner: PresenceOwner | Tracked, where: readonly unknown[], count: number): Place {
    this.#check(owner, presenceOwner)
    if (where.length >= count) return { owner, topic: this.topic(where[0]) }
    this.#check(owner, ownTopic)
    return { owner, topic: (owner as Tracked).topic }
  }

  #check(value: unknown, test: Rule): void {
    checkOption(this.#owner, value, test)
  }
}
