import { checkOption, type Rule, string } from '../../protocol/check.ts'
import { checkContract } from '../../protocol/contract.ts'
import { Broadcast } from '../../protocol/index.ts'

/** The arguments of a broadcast of the endpoint: a contract, if there is one, topic, event, payload, and options. */
export type BroadcastArguments = readonly unknown[]

/** Make the broadcast. @throws UsageError for an illegal contract, topic or event. */
export function makeBroadcast(given: BroadcastArguments, from: string | null = null): Broadcast {
  const [topic, event, payload] = withoutContract(given)
  // The constructor checks both.
  return new Broadcast(topic as string, event as string, payload, { from })
}

/** The options of a broadcast; undefined if none are given. @throws UsageError when they do not fit the rule. */
export function optionsOf<T>(call: string, given: BroadcastArguments, rule: Rule): T | undefined {
  const options = withoutContract(given)[3]
  if (options === undefined) return undefined
  checkOption(`endpoint.${call}(): the options`, options, rule)
  // The rule has checked them.
  return options as T
}

/** Check the id that a broadcast is from. */
export function checkFrom(from: unknown): string {
  checkOption('endpoint.broadcastFrom(): the id of a channel or subscription', from, string)
  return from as string
}

function withoutContract(given: BroadcastArguments): BroadcastArguments {
  if (given.length < 4 || typeof given[0] === 'string') return given
  checkContract(given[0])
  return given.slice(1)
}
