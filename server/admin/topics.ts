import { checkOption, object, rule, string } from '../../protocol/check.ts'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { byCount, byName, FirstTopics, type TopicCount, type TopicOrder } from './first-topics.ts'
import { SharedAnswers } from './shared-answers.ts'

/** Selection of topics. */
export type TopicQuery = {
  /** Prefix of the topics. Default: `''`, which selects all topics. */
  readonly prefix?: string
  /** Maximum number of topics in the answer, from 1 to 1,099. Default: 100. */
  readonly limit?: number
}

/** One page of topics, ordered by name. */
export type TopicPage = {
  readonly topics: readonly TopicCount[]
  /** Value of `after` for the next page; null on the last page. */
  readonly next: string | null
}

/** Question that a node asks the other nodes. */
type Query = { readonly prefix: string; readonly after: string | null; readonly limit: number }

const QUESTION = 'admin topics'
/** Number of topics that are examined in one event-loop turn. */
const TOPICS_PER_TURN = 2_000
/** Milliseconds for which an answer is reused. */
const SHARED_MS = 1_000
/** Maximum number of topics that one node returns. */
export const MAX_TOPICS = 1_100

const rules = {
  prefix: string,
  // `page` asks for `limit + 1` topics, to learn whether another page follows.
  limit: rule(
    `an integer from 1 to ${MAX_TOPICS - 1}`,
    (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) < MAX_TOPICS,
  ),
}
const topicQuery = object<TopicQuery>(rules)
const pageQuery = object<TopicQuery & { after?: string }>({ ...rules, after: string })

/**
 * Topics of all nodes, with the number of members of each topic. Counting is spread over event-loop turns. Equal
 * queries reuse a result for at most one second.
 */
export class Topics {
  readonly #endpoint: EndpointServer
  readonly #own: SharedAnswers<Promise<readonly TopicCount[]>>
  readonly #all: SharedAnswers<Promise<readonly TopicCount[]>>

  constructor(endpoint: EndpointServer) {
    this.#endpoint = endpoint
    this.#own = new SharedAnswers(SHARED_MS)
    this.#all = new SharedAnswers(SHARED_MS)
    // The cast is safe: other nodes of the cluster always send a `Query`.
    endpoint.engine.nodes.answer(QUESTION, (query) => this.#here(query as Query))
  }

  /**
   * List the topics with the most members on all nodes. Each node contributes only its own first `limit` topics, so the
   * counts are approximate. Rejects with a UsageError if the query is invalid.
   */
  async busiest(query: TopicQuery = {}): Promise<readonly TopicCount[]> {
    checkOption('admin.topics.busiest(): the query', query, topicQuery)
    const { prefix = '', limit = 100 } = query
    return this.#everywhere({ prefix, after: null, limit })
  }

  /**
   * List topics in the order of their names, beginning after the name `after`. Rejects with a UsageError if the query
   * is invalid.
   */
  async page(query: TopicQuery & { readonly after?: string } = {}): Promise<TopicPage> {
    checkOption('admin.topics.page(): the query', query, pageQuery)
    const { prefix = '', limit = 100, after = '' } = query
    const topics = await this.#everywhere({ prefix, after, limit: limit + 1 })
    const page = topics.slice(0, limit)
    return { topics: page, next: topics.length > limit ? (page.at(-1)?.topic ?? null) : null }
  }

  #everywhere(query: Query): Promise<readonly TopicCount[]> {
    return this.#all.get(keyOf(query), async () => {
      const others = await this.#endpoint.engine.nodes.askAll(QUESTION, query)
      const counts = new Map<string, number>()
      // The cast is safe: each other node of the cluster answers with the result of its own `#here`.
      for (const topics of [await this.#here(query), ...(others as (readonly TopicCount[])[])]) {
        for (const { topic, count } of topics) counts.set(topic, (counts.get(topic) ?? 0) + count)
      }
      const first = new FirstTopics(query.limit, orderOf(query))
      for (const [topic, count] of counts) first.add({ topic, count })
      return first.list()
    })
  }

  #here(query: Query): Promise<readonly TopicCount[]> {
    return this.#own.get(keyOf(query), () => this.#count(query))
  }

  async #count(query: Query): Promise<readonly TopicCount[]> {
    const { prefix, after, limit } = query
    const first = new FirstTopics(Math.min(limit, MAX_TOPICS), orderOf(query))
    let examined = 0
    for (const topic of this.#endpoint.pubsub.topics(prefix)) {
      examined += 1
      if (examined % TOPICS_PER_TURN === 0) await new Promise(setImmediate)
      if (after !== null && topic <= after) continue
      const count = this.#endpoint.localMemberCount(topic)
      if (count > 0) first.add({ topic, count })
    }
    return first.list()
  }
}

function keyOf(query: Query): string {
  return JSON.stringify(query)
}

/** Order of the topics that a query asks for: by name if `after` is given, otherwise by number of members. */
function orderOf({ after }: Query): TopicOrder {
  return after === null ? byCount : byName
}
