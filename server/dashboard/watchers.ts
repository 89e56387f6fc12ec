import type { Admin, NodeInfo } from '../admin/index.ts'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { Dashboard, type FrameFilter, type LoggedFrame, SAMPLE_EVERY_MS, type Topics } from './contract.ts'
import type { FrameQuery, NodeMonitor, NodeReport } from './node-monitor.ts'

/** Question of one node to the others. */
const QUESTION = 'dashboard'
/** Milliseconds for the answers: less than the time between two questions. */
const ANSWER_MS = 900
/** Readings between two looks at the topics: presences of each topic are read from Redis. */
const TOPICS_EVERY = 2
/** Topics that are listed. */
const MAX_TOPICS = 50
/** Names of a topic that are listed. */
const MAX_MEMBERS = 20

type Answer = NodeReport & { readonly node: NodeInfo }
/** The frames that one page wants, and the numbers of the latest ones that it has, by node. */
type PageLog = { readonly filter: FrameFilter; readonly after: Map<string, number> }

/** Parts that open pages are served from. */
export type WatcherOptions = {
  /** The endpoint that is shown. */
  readonly endpoint: EndpointServer
  /** The endpoint of the dashboard's own socket. */
  readonly own: () => EndpointServer
  readonly admin: Admin
  readonly monitor: NodeMonitor
}

/** The open pages on this node. While there are any, all nodes are asked for their figures once a second. */
export class Watchers {
  readonly #options: WatcherOptions
  /** By the ids of their channels. */
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

  /** A page is open, by the id of its channel. */
  join(id: string): void {
    this.#pages.set(id, null)
    if (this.#timer !== null) return
    this.#ticks = 0
    this.#timer = setInterval(() => this.#tick(), SAMPLE_EVERY_MS)
    this.#tick()
  }

  /** A page wants the frames of a topic or a socket id, or none. */
  log(id: string, filter: FrameFilter | null): void {
    if (this.#pages.has(id)) this.#pages.set(id, filter === null ? null : { filter, after: new Map() })
  }

  /** A page is closed. Without pages this node reads on for others only as long as they ask. */
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
    // Pages reconnect to another node, as the clients of this one do.
    if (endpoint.isDraining) return void own().settle(own().drain())
    const isTimeForTopics = this.#ticks % TOPICS_EVERY === 0
    this.#ticks += 1
    // A slow reading is not overtaken by the next one.
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
      // Nodes of this cluster answer with what `#answer` returns.
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

/** A topic with the names of those present: the field `name` of the latest meta, else the key. */
async function describe(admin: Admin, topic: string): Promise<Topics['topics'][number]> {
  const { count, presences } = await admin.details(topic)
  const present = Object.values(presences).flatMap((entries) => Object.entries(entries))
  const members = present.slice(0, MAX_MEMBERS).map(([key, { metas }]) => {
    const name = metas.at(-1)?.['name']
    return { name: typeof name === 'string' ? name : key, connections: metas.length }
  })
  return { topic, count, members, present: present.length }
}
