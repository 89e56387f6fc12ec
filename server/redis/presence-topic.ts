import { type Change, type Presence, PresenceState } from '../presence/state.ts'
import type { RedisConnection } from './connection.ts'
import type { Membership } from './membership.ts'
import { OwnPresences } from './own-presences.ts'
import { type Diff, isPast, readDiff } from './presence-diff.ts'
import type { Entry } from './presence-entry.ts'
import { PresenceMirror, presences } from './presence-mirror.ts'
import { CHECK, CLEAN } from './presence-scripts.ts'
import { readSnapshot } from './presence-snapshot.ts'

/** What a topic needs of its store. */
export interface PresenceTopicHost {
  readonly connection: RedisConnection
  readonly membership: Membership
  /** How long Redis keeps a topic that nobody looks at, in ms. */
  readonly lifetime: number
  changed(topic: string, change: Change): void
  /** It may have nothing to keep any more. */
  rested(topic: PresenceTopic): void
  /** Redis did not take or give what it was asked for; that is tried again. */
  report(error: unknown): void
}

/** The version of what was never read, or has been lost. */
const UNKNOWN = -1

/**
 * Who is present on one topic: those of this node, and a mirror of what the others have written. While the
 * topic is entered the mirror follows the changes that are published. They are numbered without a gap: at
 * one, the hash is read again, and what is published meanwhile is held.
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
  /** The mirror has what Redis has not, because its nodes may write it again. */
  #isKeeping: boolean
  /** It is to be read once more when Redis is to be believed. */
  #isUnsure: boolean
  /** Changes that came while the hash is read; null while it is not. */
  #held: Diff[] | null
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
    this.#isKeeping = false
    this.#isUnsure = false
    this.#held = null
    this.#isStale = false
    this.#reading = null
  }

  /** The view is that of the whole cluster, as far as was heard. */
  get isFollowed(): boolean {
    return this.#isEntered && this.#version !== UNKNOWN
  }

  /** There is nothing that another object for the topic would not have. */
  get isIdle(): boolean {
    return !this.#isEntered && this.#own.isEmpty
  }

  get own(): Iterable<Presence> {
    return this.#own
  }

  /** Presences of this node came or went. */
  change(change: Change): void {
    this.#own.change(change)
    this.#tell(change)
    void this.#own.write()
  }

  /** Follow the other nodes. Never rejects; settles when the view is theirs too, or Redis is away. */
  async enter(): Promise<void> {
    if (this.#isEntered) return
    this.#isEntered = true
    await this.#host.connection.subscriptions.subscribe(this.key, (message) => this.receive(message))
    await this.read()
  }

  /** Nobody here looks at it any more. */
  leave(): void {
    if (!this.#isEntered) return
    this.#isEntered = false
    this.#host.connection.subscriptions.unsubscribe(this.key)
    this.#version = UNKNOWN
    this.view.merge(this.#mirror.reset([], false))
    this.#host.rested(this)
  }

  /** Take a change that was published. @throws Error when it is none. */
  receive(message: Uint8Array): void {
    const diff = readDiff(message)
    if (this.#held !== null) return void this.#held.push(diff)
    if (this.#follow(diff)) return
    this.#held = [diff]
    void this.read()
  }

  /** Make the mirror what Redis has, and have Redis be told what it lacks. Never rejects. */
  read(): Promise<void> {
    this.#isStale = true
    this.#held ??= []
    // Later, so that it is set before it ends.
    this.#reading ??= Promise.resolve().then(() => this.#readAll())
    return this.#reading
  }

  /** Redis may have lost what was written, or have other things under the same version. */
  doubt(): void {
    this.#isUnsure = true
    void this.check()
  }

  /** Messages may have been missed, or writes have failed. Never rejects. */
  async check(): Promise<void> {
    void this.#own.write()
    if (!this.#isEntered || this.#held !== null) return
    const { connection, membership, lifetime } = this.#host
    const mustRead = this.#version === UNKNOWN || (this.#isUnsure && !membership.isDoubtful)
    if (mustRead) return this.read()
    const version = await this.#attempt(connection.script(CHECK, [this.key], [String(lifetime)]))
    if (version !== undefined && Number(version ?? 0) !== this.#version) await this.read()
  }

  /** What Redis does not have is gone for good. */
  believe(): void {
    if (this.#isKeeping) void this.read()
  }

  /** This node has another incarnation. */
  renew(): void {
    this.#own.renew()
    void this.#own.write()
  }

  /** Another node's incarnation is gone, and so are its presences. */
  bury(incarnation: string): void {
    const dead = this.#mirror.removeAll(incarnation)
    if (dead.length === 0) return
    this.#tell({ joins: [], leaves: presences(dead) })
    this.#clean(dead)
  }

  /** Have everybody leave whom this node has written. Settles when it is written, or cannot be. */
  close(): Promise<void> {
    this.#own.clear()
    return this.#own.write()
  }

  async #readAll(): Promise<void> {
    while (this.#isStale && this.#isEntered) {
      this.#isStale = false
      await this.#attempt(this.#readOnce())
    }
    this.#held = null
    this.#reading = null
  }

  async #readOnce(): Promise<void> {
    const { connection, membership } = this.#host
    this.#version = UNKNOWN
    const { version, entries } = await readSnapshot(connection, this.key)
    await membership.look(entries.map(({ incarnation }) => incarnation))
    // Who is missing has left, unless Redis was emptied: that is for the epoch to say.
    if (this.#mirror.misses(this.#living(entries))) await membership.confirm()
    if (!this.#isEntered) return
    this.#adopt(entries)
    this.#version = version
    const held = this.#held ?? []
    this.#held = []
    if (!held.every((diff) => this.#follow(diff))) this.#isStale = true
  }

  #adopt(entries: readonly Entry[]): void {
    const { membership } = this.#host
    const living = this.#living(entries)
    this.#isUnsure = membership.isDoubtful
    this.#isKeeping = this.#isUnsure && this.#mirror.misses(living)
    this.#tell(this.#mirror.reset(living, this.#isUnsure))
    const own = entries.filter(({ incarnation }) => incarnation === membership.incarnation)
    this.#own.compare(own.map(({ field }) => field))
    void this.#own.write()
    const isDead = ({ incarnation }: Entry) =>
      incarnation !== membership.incarnation && !membership.isLiving(incarnation)
    this.#clean(entries.filter(isDead))
  }

  /** Make a published change; false if it does not follow what is known. */
  #follow(diff: Diff): boolean {
    if (isPast(diff, this.#version)) {
      // Who has left never comes back, also if Redis had forgotten them and they were kept.
      this.#tell(this.#mirror.apply({ joins: [], leaves: diff.leaves }))
      return true
    }
    if (diff.from !== this.#version) return false
    const { membership } = this.#host
    const joins = diff.joins.filter(({ incarnation }) => !membership.isOwn(incarnation))
    // A node that was never heard of, or was buried: its lease has to be looked at.
    if (joins.some(({ incarnation }) => !membership.isLiving(incarnation))) return false
    this.#version = diff.to
    this.#tell(this.#mirror.apply({ joins, leaves: diff.leaves }))
    return true
  }

  #living(entries: readonly Entry[]): Entry[] {
    return entries.filter(({ incarnation }) => this.#host.membership.isLiving(incarnation))
  }

  #tell(change: Change): void {
    const news = this.view.merge(change)
    if (news.joins.length + news.leaves.length > 0) this.#host.changed(this.topic, news)
  }

  /** Take what the dead have written out of Redis; it does no harm if others do so too. */
  #clean(dead: readonly Entry[]): void {
    if (dead.length === 0) return
    const fields = dead.map(({ field }) => field)
    void this.#attempt(this.#host.connection.script(CLEAN, [this.key], fields))
  }

  #written(error: unknown): void {
    if (error !== null) this.#host.report(error)
    if (this.isIdle) this.#host.rested(this)
  }

  /** What a promise brings; undefined, and reported, if it rejects. */
  async #attempt<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise
    } catch (error) {
      this.#host.report(error)
      return undefined
    }
  }
}
