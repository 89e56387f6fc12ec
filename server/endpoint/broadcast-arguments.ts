import { checkOption, type Rule, rule } from '../../protocol/check.ts'
import { checkContract } from '../../protocol/contract.ts'
import { Broadcast, type Contract } from '../../protocol/index.ts'
import { isTopicOf, topicRule } from '../../protocol/topic.ts'

/** Arguments with which an endpoint or emitter broadcasts: a contract (optional), topic, event, payload, options. */
export type BroadcastArguments = readonly unknown[]

/** Create the broadcast. @throws UsageError for an invalid contract, topic or event. */
export function makeBroadcast(given: BroadcastArguments, from: string | null = null): Broadcast {
  const own = dropContract(given)
  const [topic, event, payload] = own
  // The cast is safe: `dropContract` has checked that this argument is a contract.
  if (own !== given) checkTopic(given[0] as Contract, topic)
  // The casts are safe: the constructor of `Broadcast` checks topic and event.
  return new Broadcast(topic as string, event as string, payload, { from })
}

/** Topic of a broadcast; null if the topic is invalid, in which case `makeBroadcast` throws. */
export function topicOf(given: BroadcastArguments): string | null {
  const [topic] = dropContract(given)
  return typeof topic === 'string' ? topic : null
}

/** Options of a broadcast; undefined if none are given. @throws UsageError for invalid options. */
export function optionsOf<T>(call: string, given: BroadcastArguments, rule: Rule): T | undefined {
  const options = dropContract(given)[3]
  if (options === undefined) return undefined
  checkOption(`${call}: \`options\``, options, rule)
  // The cast is safe: `checkOption` has checked the options.
  return options as T
}

/** Longer ids do not fit into a message to other nodes. Real ids are much shorter. */
const senderId = rule(
  'a string of at most 255 characters',
  (id) => typeof id === 'string' && id.length <= 255,
)

/** Check the argument `from`: the id of the sender. */
export function checkFrom(call: string, from: unknown): string {
  checkOption(`${call}: \`from\`, the id of a channel or subscription,`, from, senderId)
  return from as string
}

function checkTopic({ topic: pattern }: Contract, topic: unknown): void {
  // Broadcasts are a hot path, so create the rule only if the topic is invalid.
  if (!isTopicOf(pattern, topic)) checkOption('the topic of a broadcast', topic, topicRule(pattern))
}

function dropContract(given: BroadcastArguments): BroadcastArguments {
  if (given.length < 4 || typeof given[0] === 'string') return given
  checkContract(given[0])
  return given.slice(1)
}
