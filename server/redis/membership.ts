import { randomBytes } from 'node:crypto'
import type { RedisConnection } from './connection.ts'

/** Hears what becomes of the nodes whose presences are known here. */
export interface MembershipListener {
  /** This node has a new incarnation; what it wrote as the one before is nobody's. */
  renewed(): void
  /** Another node's incarnation is gone for good. */
  died(incarnation: string): void
  /** What is in Redis may differ from what was heard of it; who is missing there may come back. */
  doubted(): void
  /** Who is missing there has left. */
  believed(): void
}

/** Renewals of a lease while it lasts: two may be lost. */
const BEATS = 3

/**
 * This node among those that share Redis. It lives under an incarnation for as long as it renews the key of
 * it; the key expires in Redis, whose clock alone counts (PRESENCE-11). An incarnation that is gone never
 * comes back: the node takes another.
 */
export class Membership {
  readonly #connection: RedisConnection
  /** Milliseconds. */
  readonly #lease: number
  readonly #listener: MembershipListener
  /** The other incarnations that were alive when they were last looked at. */
  readonly #living: Set<string>
  readonly #asked: Map<string, Promise<void>>
  #nodeId: string
  #incarnations: number
  #hasLease: boolean
  /** What marks this life of the data in Redis; null before it was first read. */
  #epoch: string | null
  #isInTouch: boolean
  #doubt: NodeJS.Timeout | null
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
    this.#isInTouch = true
    this.#doubt = null
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

  /** Leave; others may forget what this node wrote. */
  async stop(): Promise<void> {
    if (this.#beats !== null) clearInterval(this.#beats)
    this.#beats = null
    await this.#beating
    if (this.#doubt !== null) clearTimeout(this.#doubt)
    const hadLease = this.#hasLease
    this.#hasLease = false
    if (hadLease) await this.#command(this.incarnation, 'DEL').catch(ignore)
  }

  /** What this node writes as. */
  get incarnation(): string {
    return `${this.#nodeId}.${this.#incarnations}`
  }

  /** It may write: others see that it is alive. */
  get isAlive(): boolean {
    return this.#hasLease
  }

  /** It is one of this node's. */
  isOwn(incarnation: string): boolean {
    return incarnation.startsWith(`${this.#nodeId}.`)
  }

  /** Another node's incarnation is known to be alive. */
  isLiving(incarnation: string): boolean {
    return this.#living.has(incarnation)
  }

  /**
   * Redis may have forgotten what others wrote, who then write it again within one lease: nobody is to be
   * taken for gone because of what is missing (PRESENCE-12).
   */
  get isDoubtful(): boolean {
    return this.#doubt !== null || !this.#isInTouch
  }

  /** Find out which of these incarnations live, as far as that is not known. Rejects while Redis is away. */
  async look(incarnations: Iterable<string>): Promise<void> {
    const unknown = [...new Set(incarnations)].filter((one) => !this.isOwn(one) && !this.#living.has(one))
    await Promise.all(unknown.map((one) => this.#ask(one)))
  }

  /** See whether Redis still has what it had, or doubt. Rejects while Redis is away. */
  async confirm(): Promise<void> {
    const key = this.#connection.keys.of('epoch')
    const fresh = randomBytes(9).toString('base64url')
    const epoch = (await this.#connection.command(key, ['SET', key, fresh, 'NX', 'GET'])) ?? fresh
    const isChanged = this.#epoch !== null && this.#epoch !== epoch
    this.#epoch = String(epoch)
    if (isChanged) this.#beginDoubt()
  }

  /** Renew the lease, and look after the others. Never rejects. */
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
      // After all else: what is missing proves nothing if Redis was emptied meanwhile.
      await this.confirm()
      if (!this.#isInTouch) this.#beginDoubt()
      this.#isInTouch = true
      if (!this.isDoubtful) for (const incarnation of dead) this.#bury(incarnation)
    } catch {
      // The connection writes of it when Redis is away.
      this.#lostTouch()
    }
  }

  #lostTouch(): void {
    // Who was never in touch knows of nobody who could have gone.
    this.#isInTouch = this.#epoch === null
  }

  /** Keep the lease, or take one: with the first comes the first incarnation. */
  async #renew(): Promise<void> {
    if (this.#hasLease && (await this.#command(this.incarnation, 'PEXPIRE', this.#lease)) === 1) return
    this.#hasLease = false
    if (this.#beats === null) return
    this.#incarnations += 1
    await this.#command(this.incarnation, 'SET', this.#nodeId, 'PX', this.#lease)
    this.#hasLease = true
    // Who was away for so long, or was with a Redis that was, has heard nothing for as long.
    this.#lostTouch()
    this.#listener.renewed()
  }

  async #findDead(): Promise<string[]> {
    const living = [...this.#living]
    const exist = await Promise.all(living.map((one) => this.#command(one, 'EXISTS')))
    return living.filter((_, n) => exist[n] === 0)
  }

  #bury(incarnation: string): void {
    this.#living.delete(incarnation)
    this.#listener.died(incarnation)
  }

  /** Topics ask at the same time. */
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

  #beginDoubt(): void {
    const isNew = this.#doubt === null
    if (this.#doubt !== null) clearTimeout(this.#doubt)
    this.#doubt = setTimeout(() => void this.#endDoubt(), this.#lease)
    this.#doubt.unref()
    if (isNew) this.#listener.doubted()
  }

  async #endDoubt(): Promise<void> {
    this.#doubt = null
    await this.beat()
    if (!this.isDoubtful) this.#listener.believed()
  }

  #command(incarnation: string, name: string, ...args: (string | number)[]): Promise<unknown> {
    const key = this.#connection.keys.node(incarnation, 'lease')
    return this.#connection.command(key, [name, key, ...args.map(String)])
  }
}

function ignore(): void {}
