import type { Change, Presence } from '../presence/state.ts'
import type { RedisConnection } from './connection.ts'
import type { Membership } from './membership.ts'
import { fieldOf, refOf, writePresence } from './presence-entry.ts'
import { WRITE_SCRIPT } from './presence-scripts.ts'

/** Redis connection and settings of one `OwnPresences`. */
export interface OwnPresencesHost {
  readonly connection: RedisConnection
  readonly membership: Membership
  /**
   * Redis key of the hash with the topic's presences. The changes of the hash are published on the channel of the same
   * name.
   */
  readonly key: string
  /** Milliseconds for which Redis keeps the hash if no node uses the topic. */
  readonly lifetime: number
  /** Called after each write: with null if it succeeded, or with the error if it failed. A failed write is repeated. */
  written(error: unknown): void
}

/** Maximum number of presences in one command. A longer command would block Redis for other clients. */
const PRESENCES_PER_COMMAND = 2_000

/**
 * Presences of this node on one topic. They are written in the background, one command at a time. Changes that are made
 * during a write go into the next write. A failed write is repeated.
 */
export class OwnPresences {
  readonly #host: OwnPresencesHost
  readonly #presences: Map<string, Presence>
  /** Names of the hash fields that may exist in Redis, by `phx_ref`. */
  readonly #fields: Map<string, string>
  readonly #unwritten: Set<string>
  #writing: Promise<void> | null

  constructor(host: OwnPresencesHost) {
    this.#host = host
    this.#presences = new Map()
    this.#fields = new Map()
    this.#unwritten = new Set()
    this.#writing = null
  }

  /** True if there are no presences, and all removals are written. */
  get isEmpty(): boolean {
    return this.#presences.size === 0 && this.#unwritten.size === 0 && this.#writing === null
  }

  [Symbol.iterator](): Iterator<Presence> {
    return this.#presences.values()
  }

  change({ joins, leaves }: Change): void {
    for (const presence of joins) this.#presences.set(presence.meta.phx_ref, presence)
    for (const { meta } of leaves) this.#presences.delete(meta.phx_ref)
    for (const { meta } of [...joins, ...leaves]) this.#unwritten.add(meta.phx_ref)
  }

  clear(): void {
    this.change({ joins: [], leaves: [...this.#presences.values()] })
  }

  /** Mark all presences as unwritten, because they must be written under the node's new incarnation. */
  renew(): void {
    for (const ref of this.#presences.keys()) this.#unwritten.add(ref)
  }

  /**
   * Compare the presences with the fields that this node's current incarnation has in Redis. The next write adds the
   * presences without a field, and removes the fields without a presence.
   */
  compare(fields: readonly string[]): void {
    const found = new Map(fields.map((field) => [refOf(field), field]))
    for (const ref of this.#presences.keys()) if (!found.has(ref)) this.#unwritten.add(ref)
    for (const [ref, field] of found) {
      if (this.#presences.has(ref)) continue
      this.#fields.set(ref, field)
      this.#unwritten.add(ref)
    }
  }

  /** Write all unwritten changes. Resolves when the write is done or has failed. Never rejects. */
  write(): Promise<void> {
    // Deferred, so that `#writing` is set before `#writeAll` resets it.
    this.#writing ??= Promise.resolve().then(() => this.#writeAll())
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    let failure: unknown = null
    // Write only while this node has a lease. Without a lease, other nodes would ignore the presences.
    while (this.#unwritten.size > 0 && this.#host.membership.isAlive && failure === null) {
      failure = await this.#writeSome([...this.#unwritten].slice(0, PRESENCES_PER_COMMAND))
    }
    this.#writing = null
    this.#host.written(failure)
  }

  /** Write the changes of some presences. Resolves with null, or with the error of a failed write. */
  async #writeSome(refs: readonly string[]): Promise<unknown> {
    const { connection, key, lifetime } = this.#host
    for (const ref of refs) this.#unwritten.delete(ref)
    const gone = refs.filter((ref) => !this.#presences.has(ref))
    const { joins, leaves } = this.#fieldsOf(refs)
    if (joins.length + leaves.length === 0) return null
    const head = [String(lifetime), connection.publishCommand, key, String(joins.length / 2)]
    try {
      await connection.script(WRITE_SCRIPT, [key], [...head, ...joins, ...leaves])
    } catch (error) {
      for (const ref of refs) this.#unwritten.add(ref)
      return error
    }
    // Forget the fields that this write has removed. Keep the field of a presence that left during the write, because
    // the next write must remove this field.
    for (const ref of gone) this.#fields.delete(ref)
    return null
  }

  /** Return the fields to set, each followed by its value (`joins`), and the fields to remove (`leaves`). */
  #fieldsOf(refs: readonly string[]): { joins: string[]; leaves: string[] } {
    const joins: string[] = []
    const leaves: string[] = []
    for (const ref of refs) {
      const presence = this.#presences.get(ref)
      const before = this.#fields.get(ref)
      const field = fieldOf(this.#host.membership.incarnation, ref)
      if (before !== undefined && (presence === undefined || before !== field)) leaves.push(before)
      if (presence === undefined) continue
      joins.push(field, writePresence(presence))
      this.#fields.set(ref, field)
    }
    return { joins, leaves }
  }
}
