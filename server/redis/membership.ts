import { randomBytes } from 'node:crypto'
import { ignore } from '../runtime/promise.ts'
import type { RedisConnection } from './connection.ts'

/** Listener to the state of nodes and of the data in Redis. */
export interface MembershipListener {
  /**
   * Called when this node has a new incarnation (the id under which it writes its presences). Presences under the old
   * incarnation are no longer valid.
   */
  renewed(): void
  /** Called when another node's lease has expired. No node uses the lease's incarnation again. */
  expired(incarnation: string): void
  /**
   * Called when Redis may have lost data. A presence that is missing in Redis may still be written again by its node.
   */
  dataLossSuspected(): void
  /**
   * Called some time after `dataLossSuspected`, when all nodes have had time to write their presences again. A presence
   * that is still missing in Redis has left.
   */
  dataLossCleared(): void
}

/** Number of renewals per lease. A lease survives one failed renewal. */
const BEATS = 3

/**
 * This node's lease, and the leases of the other nodes. A lease is a key in Redis, which the node renews. Only the
 * clock of Redis decides when a lease expires (PRESENCE-11). The key's name contains the node's incarnation, the id
 * under which the node writes its presences. If a lease has expired, its incarnation is never used again: the node
 * takes a new incarnation.
 */
export class Membership {
  readonly #connection: RedisConnection
  /** Duration of a lease in milliseconds. */
  readonly #lease: number
  readonly #listener: MembershipListener
  /** Incarnations of other nodes; each incarnation was alive at its last lookup. */
  readonly #living: Set<string>
  readonly #asked: Map<string, Promise<void>>
  #nodeId: string
  #incarnations: number
  #hasLease: boolean
  /** Random id of the current data in Redis, which changes when the data is lost. Null before the first read. */
  #epoch: string | null
  #hasLostTouch: boolean
  #dataLossTimer: NodeJS.Timeout | null
  #beats: NodeJS.Timeout | null
  #beating: Promise<void> | null

  constructor(connection: RedisConnection, lease: number, listener: MembershipListener) {
    this.#connection = connection
    this.#lease = lease
    this.#listener = listener
    this.#living = new Set()
    this.#asked = new Map()
    this.#nodeId = ''
    this.#incarnations = 0
    this.#hasLease = false
    this.#epoch = null
    this.#hasLostTouch = false
    this.#dataLossTimer = null
    this.#beats = null
    this.#beating = null
  }

  start(nodeId: string): void {
    this.#nodeId = nodeId
    this.#connection.onChange((isUp) => {
      this.#lostTouch()
      if (isUp) void this.beat()
    })
    this.#beats = setInterval(() => void this.beat(), this.#lease / BEATS)
    this.#beats.unref()
  }

  /** Delete the lease, so that other nodes remove this node's presences. */
  async stop(): Promise<void> {
    if (this.#beats !== null) clearInterval(this.#beats)
    this.#beats = null
    await this.#beating
    if (this.#dataLossTimer !== null) clearTimeout(this.#dataLossTimer)
    const hadLease = this.#hasLease
    this.#hasLease = false
    if (hadLease) await this.#command(this.incarnation, 'DEL').catch(ignore)
  }

  /** Incarnation under which this node writes its presences. */
  get incarnation(): string {
    return `${this.#nodeId}.${this.#incarnations}`
  }

  /** True if this node has a lease, and so may write its presences. */
  get isAlive(): boolean {
    return this.#hasLease
  }

  /** Returns true if an incarnation belongs to this node. */
  isOwn(incarnation: string): boolean {
    return incarnation.startsWith(`${this.#nodeId}.`)
  }

  /** Returns true if another node's incarnation is known to be alive. */
  isLiving(incarnation: string): boolean {
    return this.#living.has(incarnation)
  }

  /**
   * True if Redis may have lost data. Other nodes write their presences again within one lease. During this time, a
   * presence that is missing in Redis does not count as a leave (PRESENCE-12).
   */
  get isDataLossSuspected(): boolean {
    return this.#dataLossTimer !== null || this.#hasLostTouch
  }

  /**
   * Ask Redis which of these incarnations have a lease. Skips this node's incarnations, and incarnations that are known
   * to be alive. Rejects while Redis is unavailable.
   */
  async lookUp(incarnations: Iterable<string>): Promise<void> {
    const unknown = [...new Set(incarnations)].filter((one) => !this.isOwn(one) && !this.#living.has(one))
    await Promise.all(unknown.map((one) => this.#ask(one)))
  }

  /**
   * Read the epoch (the random id of the current data in Redis), and suspect data loss if the epoch has changed.
   * Rejects while Redis is unavailable.
   */
  async checkEpoch(): Promise<void> {
    const key = this.#connection.keys.of('epoch')
    const fresh = randomBytes(9).toString('base64url')
    const epoch = (await this.#connection.command(key, ['SET', key, fresh, 'NX', 'GET'])) ?? fresh
    const isChanged = this.#epoch !== null && this.#epoch !== epoch
    this.#epoch = String(epoch)
    if (isChanged) this.#suspectDataLoss()
  }

  /** Renew this node's lease, and detect expired leases of other nodes. Never rejects. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = null
    })
    return this.#beating
  }

  async #beat(): Promise<void> {
    try {
      await this.#renew()
      const dead = await this.#findDead()
      // A data loss also deletes the leases of living nodes. So check for a data loss after the leases were read.
      await this.checkEpoch()
      if (this.#hasLostTouch) this.#suspectDataLoss()
      if (!this.isDataLossSuspected) for (const incarnation of dead) this.#remove(incarnation)
    } catch {
      // Do not log the error, because the connection logs outages.
      this.#lostTouch()
    }
  }

  #lostTouch(): void {
    // Before the first contact with Redis, `#epoch` is null, and this node cannot have missed anything.
    this.#hasLostTouch = this.#epoch !== null
  }

  /** Renew the lease. If the lease has expired, create a new lease under a new incarnation. */
  async #renew(): Promise<void> {
    if (this.#hasLease && (await this.#command(this.incarnation, 'PEXPIRE', this.#lease)) === 1) return
    this.#hasLease = false
    if (this.#beats === null) return
    this.#incarnations += 1
    await this.#command(this.incarnation, 'SET', this.#nodeId, 'PX', this.#lease)
    this.#hasLease = true
    // If an earlier lease has expired, there was an outage or a data loss, and this node has probably missed messages.
    this.#lostTouch()
    this.#listener.renewed()
  }

  async #findDead(): Promise<string[]> {
    const living = [...this.#living]
    const exist = await Promise.all(living.map((one) => this.#command(one, 'EXISTS')))
    return living.filter((_, n) => exist[n] === 0)
  }

  #remove(incarnation: string): void {
    this.#living.delete(incarnation)
    this.#listener.expired(incarnation)
  }

  /**
   * Ask Redis whether an incarnation of another node is alive. If so, add the incarnation to `#living`. Concurrent
   * calls for the same incarnation share one command.
   */
  #ask(incarnation: string): Promise<void> {
    let asked = this.#asked.get(incarnation)
    if (asked === undefined) {
      asked = this.#command(incarnation, 'EXISTS')
        .then((exists) => void (exists === 1 && this.#living.add(incarnation)))
        .finally(() => this.#asked.delete(incarnation))
      this.#asked.set(incarnation, asked)
    }
    return asked
  }

  #suspectDataLoss(): void {
    if (this.#dataLossTimer !== null) clearTimeout(this.#dataLossTimer)
    this.#dataLossTimer = setTimeout(() => void this.#clearDataLoss(), this.#lease)
    this.#dataLossTimer.unref()
    this.#hasLostTouch = false
    this.#listener.dataLossSuspected()
  }

  async #clearDataLoss(): Promise<void> {
    this.#dataLossTimer = null
    await this.beat()
    if (!this.isDataLossSuspected) this.#listener.dataLossCleared()
  }

  #command(incarnation: string, name: string, ...args: (string | number)[]): Promise<unknown> {
    const key = this.#connection.keys.node(incarnation, 'lease')
    return this.#connection.command(key, [name, key, ...args.map(String)])
  }
}
