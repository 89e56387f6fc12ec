import { hostname } from 'node:os'
import { checkOption, nonEmptyString, string } from '../../protocol/check.ts'
import { eventName } from '../../protocol/contract.ts'
import { matchTopic, PHX_CLOSE } from '../../protocol/index.ts'
import { Channel } from '../channel/channel.ts'
import { shutdown } from '../channel/result.ts'
import { type EndpointServer, isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { type HistoryPage, type HistoryQuery, historyQuery, readPage } from '../endpoint/read-history.ts'
import { checkEndpoint, UsageError } from '../errors.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import type { NodeInfo } from './node-info.ts'
import { SharedAnswers } from './shared-answers.ts'
import { Topics } from './topics.ts'

/** Member count and presences of a topic, on all nodes. */
export type TopicDetails = {
  readonly topic: string
  /** Number of joined channels. */
  readonly count: number
  /** Presence entries of the topic, by the name of their presence definition. */
  readonly presences: Readonly<Record<string, PresenceEntries>>
}

/** Presences by key, as in `presence_state`. */
export type PresenceEntries = Readonly<
  Record<string, { readonly metas: readonly Readonly<Record<string, unknown>>[] }>
>

/** Names of the requests that nodes send to each other. */
const NODE = 'admin node'
const CLOSE = 'admin close'
const RESTART = 'admin restart'
/** Milliseconds for which an answer of `details` is reused. */
const SHARED_MS = 1_000
/** Maximum time for the restart of a worker, including its `terminate` callback, in milliseconds. */
const RESTART_MS = 10_000

/** Request to close channels of a topic. If `socketId` is set, only the channels of this socket id are closed. */
type ChannelQuery = { readonly topic: string; readonly socketId: string | null }

/** Functions for operators. They act on all nodes of the cluster. */
export class Admin {
  readonly topics: Topics
  readonly #endpoint: EndpointServer
  readonly #supervisor: Supervisor | null
  readonly #details: SharedAnswers<Promise<TopicDetails>>

  /**
   * Start to answer the questions of other nodes. Operators can restart the workers of `supervisor`. Without a
   * supervisor, operators cannot restart workers of this process.
   * @throws UsageError with `PHX_ERR_NO_ENDPOINT` if the endpoint is missing.
   */
  constructor(endpoint: Endpoint, supervisor: Supervisor | null = null) {
    checkEndpoint('Admin', endpoint, isEndpoint)
    this.#endpoint = endpoint
    this.#supervisor = supervisor
    this.topics = new Topics(endpoint)
    this.#details = new SharedAnswers(SHARED_MS)
    const { nodes } = endpoint.engine
    nodes.answer(NODE, () => this.node)
    nodes.answer(CLOSE, (query) => this.#closeHere(query as ChannelQuery))
    if (supervisor !== null) nodes.answer(RESTART, (id) => supervisor.replaceChild(String(id)))
  }

  /** Information about this node. */
  get node(): NodeInfo {
    const startedAt = Math.round(Date.now() - process.uptime() * 1_000)
    const { pid, version } = process
    return { id: this.#endpoint.nodeId, host: hostname(), pid, version, startedAt }
  }

  /** List the nodes that answer within a second. This node is the first. */
  async nodes(): Promise<NodeInfo[]> {
    const others = await this.#endpoint.engine.nodes.askAll(NODE, null)
    return [this.node, ...(others as NodeInfo[])]
  }

  /**
   * Send an event to every client of a topic. If the topic has a history for this event, the history keeps the event.
   *
   * Resolves with true if the history has kept the event or, without a history, if the event was sent to the other
   * nodes. Resolves with false if the result is unknown. To retry safely, call again with the same `key` (at most 128
   * characters): the history keeps the event only once.
   *
   * Rejects with a KeyReusedError if the key was used for another event or payload, and with a UsageError if the event
   * name is reserved for the protocol.
   */
  async broadcast(topic: string, event: string, payload: object, key?: string): Promise<boolean> {
    checkOption('admin.broadcast(): the event', event, eventName)
    return this.#endpoint.publish(topic, event, payload, key === undefined ? {} : { key })
  }

  /** Close every connection that has this socket id. Resolves with false if the other nodes could not be reached. */
  async disconnect(socketId: string): Promise<boolean> {
    return (await this.#endpoint.disconnect(socketId)) ?? true
  }

  /**
   * Close the channels of a topic: all channels, or only the channels of the socket id if one is given. The clients of
   * the closed channels do not rejoin. Returns the number of closed channels.
   */
  async closeChannel(topic: string, socketId: string | null = null): Promise<number> {
    checkOption('admin.closeChannel(): the topic', topic, string)
    if (socketId !== null) checkOption('admin.closeChannel(): the socket id', socketId, nonEmptyString)
    const query: ChannelQuery = { topic, socketId }
    const others = await this.#endpoint.engine.nodes.askAll(CLOSE, query)
    return others.map(Number).reduce((sum, count) => sum + count, this.#closeHere(query))
  }

  /** Read the member count and the presences of a topic. The result is at most one second old. */
  async details(topic: string): Promise<TopicDetails> {
    checkOption('admin.details(): the topic', topic, string)
    return this.#details.get(topic, () => this.#read(topic))
  }

  /**
   * Read the history of a topic, like `endpoint.history`. Resolves with null if the history cannot be read now.
   * Rejects with a UsageError when the topic has no history on this node, or the range is invalid.
   */
  async history(topic: string, range: HistoryQuery): Promise<HistoryPage | null> {
    checkOption('admin.history(): the topic', topic, string)
    checkOption('admin.history(): the range', range, historyQuery)
    const history = this.#endpoint.pubsub.historyOf(topic)
    if (history === null) throw new UsageError('PHX_ERR_OPTION', `admin.history(): "${topic}" has no history`)
    return readPage(history, range)
  }

  /** Restart a supervised worker of a node. Resolves with false if the node or the worker does not exist. */
  async restartWorker(nodeId: string, id: string): Promise<boolean> {
    checkOption('admin.restartWorker(): the node id', nodeId, string)
    checkOption('admin.restartWorker(): the worker id', id, string)
    if (nodeId !== this.#endpoint.nodeId)
      return (await this.#endpoint.engine.nodes.ask(nodeId, RESTART, id, RESTART_MS)) === true
    return this.#supervisor === null ? false : this.#supervisor.replaceChild(id)
  }

  async #read(topic: string): Promise<TopicDetails> {
    const trackers = [...this.#endpoint.trackers].filter(({ settings }) =>
      matchTopic(settings.pattern, topic),
    )
    const [count, ...presences] = await Promise.all([
      this.#endpoint.memberCount(topic),
      ...trackers.map(async (tracker) => [tracker.settings.name, await tracker.listAnywhere(topic)] as const),
    ])
    return { topic, count, presences: Object.fromEntries(presences) }
  }

  #closeHere({ topic, socketId }: ChannelQuery): number {
    const channels = [...this.#endpoint.pubsub.subscribers(topic)].filter(
      (subscriber): subscriber is Channel =>
        subscriber instanceof Channel &&
        !subscriber.isJoining &&
        (socketId === null || subscriber.socketId === socketId),
    )
    for (const channel of channels) channel.end(shutdown('closed'), PHX_CLOSE)
    return channels.length
  }
}
