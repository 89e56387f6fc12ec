import { checkOption, type Rule, rule, string } from '../../protocol/check.ts'
import { checkEndpoint } from '../errors.ts'
import { isObject } from '../runtime/object.ts'
import type { PresenceHost, PresenceOwner, Tracked } from './tracked.ts'
import type { Place } from './tracker.ts'
import { Trackers } from './trackers.ts'

const channelSocket = rule(
  'the socket of a channel',
  (value) => hasTrackers(value) && 'topic' in value && 'onEnd' in value,
)
const presenceOwner = rule(
  'the socket of a channel, or endpoint.ownerOf(worker)',
  (value) => hasTrackers(value) && 'onEnd' in value,
)
const presenceKey = rule('a string or a number', (key) => typeof key === 'string' || typeof key === 'number')
const ownTopic = rule(
  'the socket of a channel if no topic follows the owner',
  (owner) => 'topic' in Object(owner),
)

function hasTrackers(value: unknown): value is { readonly trackers: Trackers } {
  return isObject(value) && value['trackers'] instanceof Trackers
}

/** Checks the arguments of a presence's functions. Each UsageError begins with the name of the presence. */
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
    this.#check('the first argument', socket, channelSocket)
    return socket
  }

  key(key: unknown): string {
    this.#check('the key', key, presenceKey)
    return String(key)
  }

  topic(topic: unknown): string {
    this.#check('the topic', topic, string)
    return topic as string
  }

  /**
   * Return the owner and the topic of a call. `where` contains the arguments after the owner. If `where` has at least
   * `count` elements, the topic is `where[0]`. If `where` has fewer elements, `owner` must be a channel, whose topic is
   * used.
   */
  place(owner: PresenceOwner | Tracked, where: readonly unknown[], count: number): Place {
    this.#check('the owner', owner, presenceOwner)
    if (where.length >= count) return { owner, topic: this.topic(where[0]) }
    this.#check('the owner', owner, ownTopic)
    return { owner, topic: (owner as Tracked).topic }
  }

  #check(name: string, value: unknown, test: Rule): void {
    checkOption(`${this.#owner}: ${name}`, value, test)
  }
}
