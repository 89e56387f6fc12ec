import type { Admin, NodeInfo } from '../admin/index.ts'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { Dashboard, type FrameFilter, type LoggedFrame, SAMPLE_EVERY_MS, type Topics } from './contract.ts'
import type { FrameQuery, NodeMonitor, NodeReport } from './node-monitor.ts'

/** Name of the question that nodes ask each other. */
const QUESTION = 'dashboard'
/** Milliseconds to wait for the figures of the other nodes. Must be less than `SAMPLE_EVERY_MS`. */
const ANSWER_MS = 900
/** The list of topics is read only at every other tick of the timer, because reading it from Redis is expensive. */
const TOPICS_EVERY = 2
/** Maximum number of topics to list. */
const MAX_TOPICS = 50
/** Maximum number of names to list for a topic. */
const MAX_MEMBERS = 20

type Answer = NodeReport & { readonly node: NodeInfo }
/**
 * Frames that one page asks for. `after` maps each node to the number of the latest frame that the page has received
 * from that node.
 */
type PageLog = { readonly filter: FrameFilter; readonly after: Map<string, number> }

export type WatcherOptions = {
  /** Endpoint that the dashboard shows. */
  readonly endpoint: EndpointServer
  /** Returns the endpoint of the dashboard's own socket. */
  readonly own: () => EndpointServer
  readonly admin: Admin
  readonly monitor: NodeMonitor
}

/**
 * Dashboard pages that are connected to this node. While at least one page is connected, this node asks all nodes for
 * their figures once a second.
 */
export class Watchers {
  readonly #options: WatcherOptions
  /** Frame log of each connected page, by the id of the page's channel; null if the page logs no frames. */
  readonly #pages: Map<string, PageLog | null>
  #timer: NodeJS.Timeout | null
  #ticks: number
  #isAsking: boolean
  #isListing: boolean

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#pages = new Map()
    this.#timer = null
    this.#ticks = 0
    this.#isAsking = false
    this.#isListing = false
    options.endpoint.engine.nodes.answer(QUESTION, (queries) =>
      this.#answer(queries as readonly FrameQuery[]),
    )
  }

  /** Add a page that has connected. `id` is the id of the page's channel. */
  join(id: string): void {
    this.#pages.set(id, null)
    if (this.#timer !== null) return
    this.#ticks = 0
    this.#timer = setInterval(() => this.#tick(), SAMPLE_EVERY_MS)
    this.#tick()
  }

  /** Set the filter of the frames that a page logs; null if the page logs no frames. */
  log(id: string, filter: FrameFilter | null): void {
    if (this.#pages.has(id)) this.#pages.set(id, filter === null ? null : { filter, after: new Map() })
  }

  /**
   * Remove a page that has disconnected. When the last page has disconnected, this node stops asking other nodes and
   * reading its own figures. This node reads its figures again when another node asks for them.
   */
  leave(id: string): void {
    this.#pages.delete(id)
    if (this.#pages.size === 0) this.stop()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#options.monitor.stop()
  }

  #answer(queries: readonly FrameQuery[]): Answer {
    return { node: this.#options.admin.node, ...this.#options.monitor.report(queries) }
  }

  #tick(): void {
    const { endpoint, own } = this.#options
    // Close the pages' connections, so that the pages reconnect to another node, as all clients of this node do.
    if (endpoint.isDraining) return void own().settle(own().drain())
    const isTimeForTopics = this.#ticks % TOPICS_EVERY === 0
    this.#ticks += 1
    // Do not ask again while earlier questions still wait for answers.
    if (!this.#isAsking) void own().settle(this.#askNodes())
    if (isTimeForTopics && !this.#isListing) void own().settle(this.#listTopics())
  }

  async #askNodes(): Promise<void> {
    this.#isAsking = true
    try {
      const logs = [...this.#pages].flatMap(([id, log]) => (log === null ? [] : [{ id, ...log }]))
      const queries = logs.map(({ filter, after }) => ({ ...filter, after: Object.fromEntries(after) }))
      const others = await this.#options.endpoint.engine.nodes.askAll(QUESTION, queries, ANSWER_MS)
      if (this.#pages.size === 0) return
      // The cast is safe: each other node of the cluster answers with the result of its own `#answer`.
      const answers = [this.#answer(queries), ...(others as Answer[])]
      const nodes = answers.map(({ node, figures }) => ({ node, figures }))
      const own = this.#options.own()
      own.localBroadcast(Dashboard, Dashboard.topic, 'nodes', { nodes })
      for (const [index, { id, after }] of logs.entries()) {
        const frames: LoggedFrame[] = []
        for (const answer of answers) {
          const found = answer.frames[index]
          if (found === undefined) continue
          after.set(answer.node.id, found.seq)
          frames.push(...found.frames)
        }
        if (frames.length > 0) own.sendInfo(id, 'frames', frames)
      }
    } finally {
      this.#isAsking = false
    }
  }

  async #listTopics(): Promise<void> {
    this.#isListing = true
    try {
      const { admin, own } = this.#options
      const busiest = await admin.topics.busiest({ limit: MAX_TOPICS + 1 })
      const listed = busiest.slice(0, MAX_TOPICS)
      const topics = await Promise.all(listed.map(({ topic }) => describe(admin, topic)))
      const isAll = busiest.length <= MAX_TOPICS
      own().localBroadcast(Dashboard, Dashboard.topic, 'topics', { topics, isAll })
    } finally {
      this.#isListing = false
    }
  }
}

/** Describe a topic with the names of its members. A name is the field `name` of the latest meta, or else the key. */
async function describe(admin: Admin, topic: string): Promise<Topics['topics'][number]> {
  const { count, presences } = await admin.details(topic)
  const present = Object.values(presences).flatMap((entries) => Object.entries(entries))
  const members = present.slice(0, MAX_MEMBERS).map(([key, { metas }]) => {
    const name = metas.at(-1)?.['name']
    return { name: typeof name === 'string' ? name : key, connections: metas.length }
  })
  return { topic, count, members, present: present.length }
}
