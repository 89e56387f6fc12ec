import { type Change, type Presence, PresenceState } from '../presence/state.ts'
import type { RedisConnection } from './connection.ts'
import type { Membership } from './membership.ts'
import { OwnPresences } from './own-presences.ts'
import { type HashDiff, isPast, readDiff } from './presence-diff.ts'
import { incarnationOf, type PresenceEntry } from './presence-entry.ts'
import { PresenceMirror, presencesOf } from './presence-mirror.ts'
import { CHECK_SCRIPT, CLEAN_SCRIPT, VERSION_FIELD } from './presence-scripts.ts'
import { readSnapshot } from './presence-snapshot.ts'

/** Services that a `RedisStore` provides to its topics. */
export interface PresenceTopicHost {
  readonly connection: RedisConnection
  readonly membership: Membership
  /** Milliseconds for which Redis keeps the hash of a topic that no node uses. */
  readonly lifetime: number
  changed(topic: string, change: Change): void
  /** Called with the presences that leave the view because this node no longer follows the topic. */
  dropped(topic: string, change: Change): void
  /** Called when the topic may have become idle. */
  rested(topic: PresenceTopic): void
  /** Called when a read or write has failed. The topic repeats a failed read or write. */
  report(error: unknown): void
}

/** Version of a mirror that was never filled or is out of date. */
const UNKNOWN = -1

/**
 * Presences on one topic: this node's own presences, and a mirror (local copy) of the other nodes' presences. In Redis,
 * all presences of the topic are in one hash with a version. Each change of the hash is published, with the versions
 * before and after the change. While this node has channels on the topic (the topic is entered), the published changes
 * are applied to the mirror. If a change is missing, the hash is read again. Changes that arrive during the read are
 * held back.
 */
export class PresenceTopic {
  readonly topic: string
  readonly view: PresenceState
  readonly key: string
  readonly #host: PresenceTopicHost
  readonly #own: OwnPresences
  #mirror: PresenceMirror
  #version: number
  #isEntered: boolean
  /** True if the hash was read since `enter`. */
  #isFilled: boolean
  /** True while the local copy (`#mirror`) keeps presences that Redis may have lost. */
  #isKeeping: boolean
  /** True if the hash must be read again as soon as Redis is no longer suspected of data loss. */
  #isUnsure: boolean
  /** Changes held back during a read of the hash; null while there is no read. */
  #held: HashDiff[] | null
  #isStale: boolean
  #reading: Promise<void> | null

  constructor(topic: string, key: string, host: PresenceTopicHost) {
    this.topic = topic
    this.view = new PresenceState()
    this.key = key
    this.#host = host
    this.#own = new OwnPresences({
      connection: host.connection,
      membership: host.membership,
      key,
      lifetime: host.lifetime,
      written: (error) => this.#written(error),
    })
    this.#mirror = new PresenceMirror()
    this.#version = UNKNOWN
    this.#isEntered = false
    this.#isFilled = false
    this.#isKeeping = false
    this.#isUnsure = false
    this.#held = null
    this.#isStale = false
    this.#reading = null
  }

  /** True if the view includes the presences of the other nodes. */
  get isFollowed(): boolean {
    return this.#isFilled
  }

  /** True if this object has no state, so that it can be dropped. */
  get isIdle(): boolean {
    return !this.#isEntered && this.#own.isEmpty
  }

  get own(): Iterable<Presence> {
    return this.#own
  }

  /** Apply joins and leaves of this node's own presences. */
  change(change: Change): void {
    this.#own.change(change)
    this.#tell(change)
    void this.#own.write()
  }

  /**
   * Follow the other nodes. Resolves when the view includes their presences, or if Redis is unavailable. Never rejects.
   */
  async enter(): Promise<void> {
    if (this.#isEntered) return
    this.#isEntered = true
    await this.#host.connection.subscriptions.subscribe(this.key, (message) => this.receive(message))
    await this.read()
  }

  /** Stop following the other nodes. */
  leave(): void {
    if (!this.#isEntered) return
    this.#isEntered = false
    this.#host.connection.subscriptions.unsubscribe(this.key)
    this.#version = UNKNOWN
    this.#isFilled = false
    this.#host.dropped(this.topic, this.view.merge(this.#mirror.reset([], false)))
    this.#host.rested(this)
  }

  /** Handle a published change. @throws Error when the message is malformed. */
  receive(message: Uint8Array): void {
    const diff = readDiff(message)
    if (this.#held !== null) return void this.#held.push(diff)
    if (this.#follow(diff)) return
    this.#held = [diff]
    void this.read()
  }

  /** Read the hash into the mirror, and write own presences that are missing in the hash. Never rejects. */
  read(): Promise<void> {
    this.#isStale = true
    this.#held ??= []
    // Deferred, so that `#reading` is set before `#readAll` resets it.
    this.#reading ??= Promise.resolve().then(() => this.#readAll())
    return this.#reading
  }

  /** Called when Redis may have lost data. Reads the hash now, and once more later (see `#isUnsure`). */
  suspectDataLoss(): void {
    // After a failover that lost a change, the next change gets the version of the lost change. Equal versions then
    // prove nothing, so forget the version, to force a read.
    this.#version = UNKNOWN
    void this.check()
  }

  /** Repeat failed writes, and read the hash if changes were missed. Never rejects. */
  async check(): Promise<void> {
    void this.#own.write()
    if (!this.#isEntered) return this.#attempt(this.#checkOwn())
    // A read is running, but it may have read the hash before the missed changes were made. So read the hash again.
    if (this.#held !== null) return void this.read()
    const { connection, membership, lifetime } = this.#host
    const mustRead = this.#version === UNKNOWN || (this.#isUnsure && !membership.isDataLossSuspected)
    if (mustRead) return this.read()
    const version = await this.#attempt(connection.script(CHECK_SCRIPT, [this.key], [String(lifetime)]))
    if (version !== undefined && Number(version ?? 0) !== this.#version) await this.read()
  }

  /** Called when Redis is no longer suspected of data loss. Drops local copies of presences that Redis lacks. */
  clearDataLoss(): void {
    if (this.#isKeeping) void this.read()
  }

  /**
   * Write this node's presences again. Called when the node has a new incarnation (the id under which it writes its
   * presences).
   */
  renew(): void {
    this.#own.renew()
    void this.#own.write()
  }

  /** Remove the presences of another node's expired incarnation. */
  removeIncarnation(incarnation: string): void {
    const dead = this.#mirror.removeAll(incarnation)
    if (dead.length === 0) return
    this.#tell({ joins: [], leaves: presencesOf(dead) })
    this.#clean(dead.map(({ field }) => field))
  }

  /** Remove all presences of this node. Resolves when the removal is written or has failed. */
  close(): Promise<void> {
    this.#own.clear()
    return this.#own.write()
  }

  /**
   * Do what a read does, but without a mirror, because this node has no channel on the topic: extend the lifetime of
   * the hash, write missing own presences again, and remove the fields of expired incarnations.
   */
  async #checkOwn(): Promise<void> {
    const { connection, membership, lifetime } = this.#host
    await connection.script(CHECK_SCRIPT, [this.key], [String(lifetime)])
    const reply = await connection.command(this.key, ['HKEYS', this.key])
    const names = Array.isArray(reply) ? reply.map(String) : []
    const fields = names.filter((name) => name !== VERSION_FIELD)
    await membership.lookUp(fields.map(incarnationOf))
    // An idle topic may have been dropped meanwhile. Then the fields belong to its successor.
    if (!this.isIdle) this.#compare(fields)
  }

  async #readAll(): Promise<void> {
    while (this.#isStale && this.#isEntered) {
      this.#isStale = false
      await this.#attempt(this.#readOnce())
      while (this.#isEntered && this.#held?.length) await this.#applyHeld(this.#held.splice(0))
    }
    this.#held = null
    this.#reading = null
  }

  async #readOnce(): Promise<void> {
    const { connection, membership } = this.#host
    this.#version = UNKNOWN
    const { version, entries } = await readSnapshot(connection, this.key)
    await membership.lookUp(entries.map(({ incarnation }) => incarnation))
    // If Redis lacks presences of the mirror, check for data loss. After a data loss, `#adopt` keeps these presences.
    if (this.#mirror.hasMoreThan(this.#living(entries))) await membership.checkEpoch()
    if (!this.#isEntered) return
    this.#adopt(entries)
    this.#version = version
    this.#isFilled = true
  }

  /** Apply changes that were held back during a read, also if the read has failed. */
  async #applyHeld(held: readonly HashDiff[]): Promise<void> {
    // Learn which unknown incarnations are alive. Otherwise neither their joins nor the leaves could be applied now.
    const joins = held.flatMap((diff) => diff.joins)
    await this.#attempt(this.#host.membership.lookUp(joins.map(({ incarnation }) => incarnation)))
    if (!this.#isEntered) return
    for (const diff of held) {
      if (this.#follow(diff)) continue
      this.#isStale = true
      this.#applyKnown(diff)
    }
  }

  #adopt(entries: readonly PresenceEntry[]): void {
    const { membership } = this.#host
    const living = this.#living(entries)
    this.#isUnsure = membership.isDataLossSuspected
    this.#isKeeping = this.#isUnsure && this.#mirror.hasMoreThan(living)
    this.#tell(this.#mirror.reset(living, this.#isUnsure))
    this.#compare(entries.map(({ field }) => field))
  }

  /** Compare the fields of the hash with own presences, and remove the fields of expired incarnations. */
  #compare(fields: readonly string[]): void {
    const { membership } = this.#host
    const isOwn = (field: string) => incarnationOf(field) === membership.incarnation
    this.#own.compare(fields.filter(isOwn))
    void this.#own.write()
    this.#clean(fields.filter((field) => !isOwn(field) && !membership.isLiving(incarnationOf(field))))
  }

  /** Apply a published change. Returns false if the hash must be read instead, for example if a change is missing. */
  #follow(diff: HashDiff): boolean {
    if (isPast(diff, this.#version)) {
      // The mirror is newer than this change, so skip the joins. Still apply the leaves: while data loss is suspected,
      // the mirror may hold presences that the hash lacks. A late leave is safe, because a presence never returns.
      this.#tell(this.#mirror.apply({ joins: [], leaves: diff.leaves }))
      return true
    }
    if (diff.from !== this.#version) return false
    const { membership } = this.#host
    const joins = diff.joins.filter(({ incarnation }) => !membership.isOwn(incarnation))
    // If the node of a joining presence is not known to be alive, return false. The caller then reads the hash, and
    // checks the node's lease.
    if (joins.some(({ incarnation }) => !membership.isLiving(incarnation))) return false
    this.#version = diff.to
    this.#tell(this.#mirror.apply({ joins, leaves: diff.leaves }))
    return true
  }

  /**
   * Apply the certain part of a change that `#follow` could not apply: the joins of nodes that are known to be alive,
   * and the leaves. The next read of the hash does not make this superfluous: while data loss is suspected, a read
   * removes nothing from the mirror.
   */
  #applyKnown({ joins, leaves }: HashDiff): void {
    const known = this.#living(joins)
    // If a join is skipped, keep the presences that leave with it: they may only have changed, or moved to other fields.
    // The next reliable read, or the end of their node's lease, removes those that have left.
    this.#tell(this.#mirror.apply({ joins: known, leaves: known.length === joins.length ? leaves : [] }))
  }

  #living(entries: readonly PresenceEntry[]): PresenceEntry[] {
    return entries.filter(({ incarnation }) => this.#host.membership.isLiving(incarnation))
  }

  #tell(change: Change): void {
    const news = this.view.merge(change)
    if (news.joins.length + news.leaves.length > 0) this.#host.changed(this.topic, news)
  }

  /** Remove the fields of expired incarnations from Redis. Other nodes may remove the same fields without harm. */
  #clean(fields: readonly string[]): void {
    if (fields.length === 0) return
    void this.#attempt(this.#host.connection.script(CLEAN_SCRIPT, [this.key], fields))
  }

  #written(error: unknown): void {
    if (error !== null) this.#host.report(error)
    if (this.isIdle) this.#host.rested(this)
  }

  /** Await a promise. If the promise rejects, report the error and resolve with undefined. */
  async #attempt<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise
    } catch (error) {
      this.#host.report(error)
      return undefined
    }
  }
}
