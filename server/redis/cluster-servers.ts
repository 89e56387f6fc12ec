import { type createCluster, ErrorReply } from 'redis'
import { EngineError } from '../errors.ts'
import { type Argument, type Client, copyOf, type ReplyForm } from './client.ts'
import { probe, type WrongServerError } from './probe.ts'
import { REPLIES } from './replies.ts'
import { slotOf } from './slot.ts'
import type { CommandsListener, Topology } from './topology.ts'

/** What we use of a cluster's client. */
export type Cluster = Pick<
  ReturnType<typeof createCluster>,
  'connect' | 'close' | 'destroy' | 'isOpen' | 'isReady' | 'masters' | 'slots' | 'nodeClient' | '_slots'
> & {
  on(event: string, listener: (error: unknown) => void): unknown
  sendCommand(key: string, isReadonly: boolean, args: Argument[], options: object): Promise<unknown>
}

const EVENTS = ['connect', 'node-ready', 'node-error', 'node-disconnect']
const PAUSE_MS = 1_000

/** A Redis Cluster. The client finds the server of a key; subscriptions go to the servers directly. */
export class ClusterServers implements Topology {
  readonly isSharded = true
  readonly #cluster: Cluster
  #listener: CommandsListener
  #timer: NodeJS.Timeout | null
  #isStopped: boolean
  /** What has gone wrong since all was well; null as well while it connects for the first time. */
  #error: Error | null
  /** Whether the masters have answered a probe since something went wrong. */
  #probed: 'no' | 'asked' | 'yes'
  #recheck: NodeJS.Timeout | null

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#listener = () => {}
    this.#timer = null
    this.#isStopped = false
    this.#error = null
    this.#probed = 'no'
    this.#recheck = null
  }

  start(listener: CommandsListener): void {
    this.#listener = listener
    this.#cluster.on('error', (error) => this.#note(error))
    for (const event of EVENTS) {
      this.#cluster.on(event, (error) => {
        if (event === 'node-error') this.#note(error)
        this.#changed()
      })
    }
    void this.#connect()
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#recheck !== null) clearTimeout(this.#recheck)
    if (!this.#cluster.isOpen) return
    if (!this.#cluster.isReady) return this.#cluster.destroy()
    const timer = setTimeout(() => this.#cluster.destroy(), graceMs)
    await this.#cluster.close()
    clearTimeout(timer)
  }

  send(key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown> {
    if (!this.#masterOf(key)?.client?.isReady) {
      this.#connectMasters()
      return Promise.reject(new EngineError('the server of this key is away'))
    }
    return this.#cluster.sendCommand(key, false, [...args], REPLIES[form])
  }

  cut(key: string, error: Error): void {
    this.#note(error)
    const master = this.#masterOf(key)
    const client = master?.client
    if (master === undefined || client === undefined) return
    // The cluster's client makes a new one for a server that has none.
    delete master.client
    client.destroy()
    this.#changed()
  }

  /** The connection is sound: the client finds the server's successor by itself. */
  leave(error: WrongServerError): void {
    this.#doubt(error)
  }

  #doubt(error: unknown): void {
    if (this.#isStopped) return
    this.#listener(this.#note(error))
    this.#recheck ??= setTimeout(() => {
      this.#recheck = null
      void this.refresh()
    }, PAUSE_MS)
  }

  homeOf(channel: string): string | null {
    return this.#masterOf(channel)?.address ?? null
  }

  subscriber(home: string): Client {
    const client = this.#cluster.masters.find(({ address }) => address === home)?.client
    if (client === undefined) throw new EngineError(`${home} is no master of the cluster, or is away`)
    return copyOf(client)
  }

  verify(client: Client): Promise<void> {
    return probe(client)
  }

  async refresh(): Promise<void> {
    if (this.#isStopped || !this.#cluster.isReady) return
    try {
      await this.#cluster._slots.rediscover()
    } catch (error) {
      this.#note(error)
    }
    this.#changed()
  }

  async #connect(): Promise<void> {
    try {
      await this.#cluster.connect()
      this.#changed()
    } catch (error) {
      if (this.#isStopped) return
      this.#listener(this.#note(error))
      this.#timer = setTimeout(() => void this.#connect(), PAUSE_MS * (0.5 + Math.random() / 2))
    }
  }

  #masterOf(key: string): Cluster['masters'][number] | undefined {
    return this.#cluster.slots[slotOf(key)]?.master
  }

  #changed(): void {
    if (this.#isStopped || !this.#cluster.isReady) return
    this.#connectMasters()
    const isReady = this.#cluster.masters.every(({ client }) => client?.isReady)
    if (isReady && this.#probed === 'yes') this.#listener(null)
    else if (isReady && this.#probed === 'no') void this.#probe()
    else if (!isReady && this.#error !== null) this.#listener(this.#error)
  }

  /** A server that is loading, or has become a replica, is connected and of no use. */
  async #probe(): Promise<void> {
    this.#probed = 'asked'
    const clients = this.#cluster.masters.flatMap(({ client }) => client ?? [])
    const results = await Promise.allSettled(clients.map((client) => probe(client)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) return this.#doubt(failed.reason)
    if (this.#probed === 'asked') {
      this.#probed = 'yes'
      this.#error = null
    }
    this.#changed()
  }

  /** Each as soon as it is known, so that the first command need not wait; none waits for another. */
  #connectMasters(): void {
    for (const master of this.#cluster.masters) {
      if (master.client !== undefined) continue
      this.#cluster.nodeClient(master).catch((error: unknown) => this.#note(error))
    }
  }

  #note(error: unknown): Error {
    // A plain error reply, as to a PING that is not allowed, is a sign of life.
    if (!(error instanceof ErrorReply)) this.#probed = 'no'
    this.#error = error instanceof Error ? error : new EngineError(String(error))
    return this.#error
  }
}
