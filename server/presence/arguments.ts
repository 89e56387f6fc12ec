import { checkOption, type Rule, rule, string } from '../../protocol/check.ts'
import { checkEndpoint, UsageError } from '../errors.ts'
import { isObject } from '../runtime/object.ts'
import type { PresenceHost, PresenceOwner, Tracked } from './tracked.ts'
import type { Place } from './tracker.ts'
import { Trackers } from './trackers.ts'

/** Rules for the first argument, by function name. Each of these functions accepts the socket of a channel. */
const channelRules = {
  pushState: rule('the socket of a channel', isChannelSocket),
  list: rule('the socket of a channel, unless a topic follows', isChannelSocket),
  getByKey: rule('the socket of a channel, unless a topic and a key follow', isChannelSocket),
}
const presenceOwner = rule(
  'the socket of a channel, or endpoint.ownerOf(worker)',
  (value) => hasTrackers(value) && 'onEnd' in value,
)
const presenceKey = rule('a string or a number', (key) => typeof key === 'string' || typeof key === 'number')

function isChannelSocket(value: unknown): boolean {
  return hasTrackers(value) && 'topic' in value && 'onEnd' in value
}

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

  channel(call: keyof typeof channelRules, socket: Tracked): Tracked {
    this.#check(`${call}(): the first argument`, socket, channelRules[call])
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
    if ('topic' in owner) return { owner, topic: owner.topic }
    const words = 'the topic after the owner is missing; only the socket of a channel has a topic of its own'
    throw new UsageError('PHX_ERR_OPTION', `${this.#owner}: ${words}`)
  }

  #check(name: string, value: unknown, test: Rule): void {
    checkOption(`${this.#owner}: ${name}`, value, test)
  }
}
