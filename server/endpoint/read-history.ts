import { checkOption, type Fault, faultOf, object, positiveInteger, rule } from '../../protocol/check.ts'
import { checkContract } from '../../protocol/contract.ts'
import type { Contract, OutEvent, OutPayload } from '../../protocol/index.ts'
import { isPlainObject } from '../../protocol/shown.ts'
import { topicRule } from '../../protocol/topic.ts'
import { UsageError } from '../errors.ts'
import type { HistoryRange, Position } from '../pubsub/history.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import type { TopicHistory } from '../pubsub/topic-history.ts'

/**
 * Selects the broadcasts to read from a topic's history: the latest broadcasts, or the broadcasts before or after a
 * sequence number.
 */
export type HistoryQuery =
  | { readonly last: number; readonly before?: number }
  | { readonly since: number | Position; readonly limit?: number }

/** One broadcast that a topic's history has kept. */
export type HistoryMessage<C extends Contract = Contract> = {
  [E in OutEvent<C>]: {
    /**
     * Sequence number within `HistoryPage.epoch`. Null for a broadcast of an earlier epoch, because clients can resume
     * only within the current epoch.
     */
    readonly seq: number | null
    readonly event: E
    readonly payload: OutPayload<C, E>
    /** Time at which the broadcast was kept, in milliseconds since 1970 on the store's clock. */
    readonly at: number
  }
}[OutEvent<C>]

/** Part of a topic's history, the oldest broadcast first. */
export type HistoryPage<C extends Contract = Contract> = {
  /** Epoch: id of the log that numbers the broadcasts. All sequence numbers of this page belong to this log. */
  readonly epoch: string
  /** Sequence number of the topic's latest broadcast; 0 if the epoch has no broadcast. */
  readonly head: number
  readonly messages: readonly HistoryMessage<C>[]
  /**
   * Pass this value as the option `before` to read the next older page. Null if `messages` is empty, or if the history
   * keeps no older broadcast of this epoch.
   */
  readonly before: number | null
}

const count = rule('an integer of at least 0', isCount)
const countOrPosition = rule('an integer of at least 0, or { epoch, seq }', isCount)
const latest = object({ last: positiveInteger, before: positiveInteger }, ['last'])
const following = object({ since: place, limit: positiveInteger }, ['since'])
const position = object<Position>(
  { epoch: rule('a string of digits', (epoch) => /^\d+$/.test(String(epoch))), seq: count },
  ['epoch', 'seq'],
)

function place(value: unknown): Fault | null {
  return isPlainObject(value) ? position(value) : countOrPosition(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** Rule that checks a `HistoryQuery`. */
export function historyQuery(value: unknown): Fault | null {
  if (!isPlainObject(value)) return faultOf('{ last, before? } or { since, limit? }', value)
  return Object.hasOwn(value, 'since') ? following(value) : latest(value)
}

/** Read a topic's history for `endpoint.history`. */
export async function readHistory(pubsub: PubSub, given: readonly unknown[]): Promise<HistoryPage | null> {
  const [contract, topic, range] = given
  checkContract(contract)
  checkOption('endpoint.history(): the topic', topic, topicRule(contract.topic))
  checkOption('endpoint.history(): the range', range, historyQuery)
  // The cast is safe: the topic is checked above.
  const history = pubsub.historyOf(topic as string)
  if (history === null) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      `endpoint.history(): "${contract.topic}" has no history at this endpoint; ` +
        'add a `history` to the contract, and mount its channel or list the contract in the option `histories`',
    )
  }
  return readPage(history, range as HistoryQuery)
}

/** Read a part of a history. `range` must be valid. Returns null if the history cannot be read now. */
export async function readPage(history: TopicHistory, range: HistoryQuery): Promise<HistoryPage | null> {
  const part = await history.read(withLimit(range, history.settings.size))
  if (part === null) return null
  const { epoch, head, entries, hasOlder } = part
  const messages = entries.map(({ seq, event, json, at }) => {
    return { seq: seq === 0 ? null : seq, event, payload: JSON.parse(json), at }
  })
  const first = messages.find(({ seq }) => seq !== null)
  return { epoch, head, messages, before: hasOlder ? (first?.seq ?? null) : null }
}

function withLimit(range: HistoryQuery, size: number): HistoryRange {
  return 'since' in range ? { since: range.since, limit: range.limit ?? size } : range
}
