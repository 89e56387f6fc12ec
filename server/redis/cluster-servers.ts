import { ErrorReply } from 'redis'
import { EngineError } from '../errors.ts'
import { type Argument, type Client, copyOf, type ReplyForm, type Template } from './client.ts'
import { loadScripts } from './prepare.ts'
import { probe, type WrongServerError } from './probe.ts'
import { REPLIES } from './replies.ts'
import { slotOf } from './slot.ts'
import type { CommandsListener, Preparation, Topology } from './topology.ts'

/** Client that the cluster client has opened for one master. Subscriptions use a copy of this client. */
type MasterClient = Client & Template

/** Master of a cluster, as listed by the cluster client (`Cluster`). */
interface Master {
  readonly address: string
  /** Single-server client for this master; undefined until the cluster client connects to the master. */
  client?: MasterClient | undefined
}

/**
 * Cluster client of the package `redis`, reduced to the methods and properties that we use. Written by hand, because
 * the package's own type contains all commands of Redis and doubles the memory that a type check needs.
 */
export interface Cluster {
  readonly isOpen: boolean
  readonly masters: readonly Master[]
  /** Servers by slot number. */
  readonly slots: readonly { readonly master: Master }[]
  /**
   * Reads the map of slots from the server of `startWith`. In version 5 of the package `redis`, the call fails if
   * `startWith` is undefined.
   */
  readonly _slots: { rediscover(startWith?: MasterClient): Promise<unknown> }
  connect(): Promise<unknown>
  /** Disconnect after Redis has answered all commands. */
  close(): Promise<unknown>
  destroy(): void
  nodeClient(master: Master): Promise<unknown>
  on(event: string, listener: (error: unknown) => void): unknown
  sendCommand(key: string, isReadonly: boolean, args: Argument[], options: object): Promise<unknown>
}

const EVENTS = ['connect', 'node-ready', 'node-error', 'node-disconnect']
const PAUSE_MS = 1_000

/**
 * Topology of a Redis Cluster. The cluster's client sends each command to the server of its key. Subscriptions use a
 * separate client for each server.
 */
export class ClusterServers implements Topology {
  readonly isSharded = true
  readonly runDigits = ''
  readonly #cluster: Cluster
  #listener: CommandsListener
  #timer: NodeJS.Timeout | null
  /** True if the cluster's client has read the map of slots. */
  #isConnected: boolean
  #isStopped: boolean
  /** Latest error since the cluster was last up; null if no error has occurred since then. */
  #error: Error | null
  /**
   * State of the probe of all masters. `asked`: the probe is running. `yes`: all masters have passed the probe. Each
   * error except an `ErrorReply` resets the state to `no`.
   */
  #probed: 'no' | 'asked' | 'yes'
  #recheck: NodeJS.Timeout | null
  #preparation: Preparation | null

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#listener = () => {}
    this.#timer = null
    this.#isConnected = false
    this.#isStopped = false
    this.#error = null
    this.#probed = 'no'
    this.#recheck = null
    this.#preparation = null
  }

  prepare(preparation: Preparation): void {
    this.#preparation = preparation
  }

  start(listener: CommandsListener): void {
    this.#listener = listener
    this.#cluster.on('error', (error) => this.#note(error))
    for (const event of EVENTS) {
      this.#cluster.on(event, (error) => {
        if (event === 'node-error') this.#failed(error)
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
    if (!this.#isConnected) return this.#cluster.destroy()
    const timer = setTimeout(() => this.#cluster.destroy(), graceMs)
    await this.#cluster.close()
    clearTimeout(timer)
  }

  send(key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown> {
    if (!this.#masterOf(key)?.client?.isReady) {
      this.#connectMasters()
      return Promise.reject(
        new EngineError('this node is not connected to the Redis Cluster server for this command'),
      )
    }
    return this.#cluster.sendCommand(key, false, [...args], REPLIES[form])
  }

  cut(key: string, error: Error): void {
    this.#note(error)
    const master = this.#masterOf(key)
    const client = master?.client
    // Skip a client that is not ready: it already reconnects, for example after the timeout of an earlier command.
    if (master === undefined || !client?.isReady) return
    // When `master.client` is missing, `#connectMasters` opens a new connection to this master.
    delete master.client
    client.destroy()
    this.#changed()
  }

  // Does not disconnect. The server may be a replica now, so the map of slots is read again to find the master.
  leave(error: WrongServerError): void {
    this.#recheckSoon(error)
  }

  #recheckSoon(error: unknown): void {
    if (this.#isStopped) return
    this.#listener(this.#note(error))
    this.#refreshSoon()
  }

  /**
   * Record that a server has failed. Read the map of slots again soon, because another server may be the new master of
   * the failed server's slots.
   */
  #failed(error: unknown): void {
    this.#note(error)
    this.#refreshSoon()
  }

  /** Read the map of slots again, at most once per `PAUSE_MS`. */
  #refreshSoon(): void {
    if (this.#isStopped) return
    this.#recheck ??= setTimeout(() => {
      this.#recheck = null
      void this.refresh()
    }, PAUSE_MS)
  }

  serverOf(channel: string): string | null {
    return this.#masterOf(channel)?.address ?? null
  }

  subscriber(server: string): Client {
    const client = this.#cluster.masters.find(({ address }) => address === server)?.client
    if (client === undefined)
      throw new EngineError(`this node is not connected to a Redis Cluster master at ${server}`)
    return copyOf(client)
  }

  verify(client: Client): Promise<void> {
    return probe(client)
  }

  async refresh(): Promise<void> {
    if (this.#isStopped || !this.#isConnected) return
    try {
      await this.#cluster._slots.rediscover(this.#anyMaster())
    } catch (error) {
      this.#note(error)
    }
    this.#changed()
  }

  async #connect(): Promise<void> {
    try {
      await this.#cluster.connect()
      this.#isConnected = true
      this.#changed()
    } catch (error) {
      if (this.#isStopped) return
      this.#listener(this.#note(error))
      this.#timer = setTimeout(() => void this.#connect(), PAUSE_MS * (0.5 + Math.random() / 2))
    }
  }

  /** Return the client of any master. A connected client is preferred. */
  #anyMaster(): MasterClient | undefined {
    const clients = this.#cluster.masters.flatMap(({ client }) => client ?? [])
    return clients.find(({ isReady }) => isReady) ?? clients[0]
  }

  #masterOf(key: string): Master | undefined {
    return this.#cluster.slots[slotOf(key)]?.master
  }

  #changed(): void {
    if (this.#isStopped || !this.#isConnected) return
    this.#connectMasters()
    const isReady = this.#cluster.masters.every(({ client }) => client?.isReady)
    if (isReady && this.#probed === 'yes') this.#listener(null)
    else if (isReady && this.#probed === 'no') void this.#probe()
    else if (!isReady && this.#error !== null) this.#listener(this.#error)
  }

  /**
   * Probe all masters, because a connected server cannot serve while it is loading or after it has become a replica.
   */
  async #probe(): Promise<void> {
    this.#probed = 'asked'
    const clients = this.#cluster.masters.flatMap(({ client }) => client ?? [])
    const results = await Promise.allSettled(clients.map((client) => this.#check(client)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) return this.#recheckSoon(failed.reason)
    if (this.#probed === 'asked') {
      this.#probed = 'yes'
      this.#error = null
    }
    this.#changed()
  }

  async #check(client: Client): Promise<void> {
    await probe(client)
    if (this.#preparation !== null) await loadScripts(client, this.#preparation)
  }

  /** Connect to all new masters in parallel, because `send` rejects commands to a master that is not connected. */
  #connectMasters(): void {
    for (const master of this.#cluster.masters) {
      if (master.client !== undefined) continue
      this.#cluster.nodeClient(master).catch((error: unknown) => this.#note(error))
    }
  }

  #note(error: unknown): Error {
    // An error reply, such as NOPERM to a PING, shows that the server is alive, so no new probe is needed.
    if (!(error instanceof ErrorReply)) this.#probed = 'no'
    this.#error = error instanceof Error ? error : new EngineError(String(error))
    return this.#error
  }
}
