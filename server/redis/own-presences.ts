import type { Change, Presence } from '../presence/state.ts'
import type { RedisConnection } from './connection.ts'
import type { Membership } from './membership.ts'
import { fieldOf, refOf, writePresence } from './presence-entry.ts'
import { WRITE } from './presence-scripts.ts'

/** Where the presences of one topic are written, and who hears how that went. */
export interface OwnPresencesHost {
  readonly connection: RedisConnection
  readonly membership: Membership
  /** The topic's hash, and the channel of its changes. */
  readonly key: string
  /** Of the hash, in ms. */
  readonly lifetime: number
  /** Everything is written, or (with an error) will have to be tried again. */
  written(error: unknown): void
}

/** More presences in one command, and Redis would answer nobody else for too long. */
const PRESENCES_PER_COMMAND = 2_000

/**
 * The presences of this node on one topic. They are written in the background, one command at a time: what
 * changes meanwhile is in the next, and what could not be written stays to be written.
 */
export class OwnPresences {
  readonly #host: OwnPresencesHost
  readonly #presences: Map<string, Presence>
  /** The fields that they have, or may have, in Redis; by reference, as all here. */
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

  /** There are none, and Redis knows. */
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

  /** All have left. */
  clear(): void {
    this.change({ joins: [], leaves: [...this.#presences.values()] })
  }

  /** The node has another incarnation: all have to be written again. */
  renew(): void {
    for (const ref of this.#presences.keys()) this.#unwritten.add(ref)
  }

  /** Redis has these fields of this incarnation: see what it lacks, and what it has too many. */
  compare(fields: readonly string[]): void {
    const found = new Map(fields.map((field) => [refOf(field), field]))
    for (const ref of this.#presences.keys()) if (!found.has(ref)) this.#unwritten.add(ref)
    for (const [ref, field] of found) {
      if (this.#presences.has(ref)) continue
      this.#fields.set(ref, field)
      this.#unwritten.add(ref)
    }
  }

  /** Write what is not written. Never rejects; settles when it is done, or has failed. */
  write(): Promise<void> {
    // Later, so that it is set before it ends.
    this.#writing ??= Promise.resolve().then(() => this.#writeAll())
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    let failure: unknown = null
    // Without a lease nobody would believe what is written.
    while (this.#unwritten.size > 0 && this.#host.membership.isAlive && failure === null) {
      failure = await this.#writeSome([...this.#unwritten].slice(0, PRESENCES_PER_COMMAND))
    }
    this.#writing = null
    this.#host.written(failure)
  }

  /** What came back is null, or why they could not be written. */
  async #writeSome(refs: readonly string[]): Promise<unknown> {
    const { connection, key, lifetime } = this.#host
    for (const ref of refs) this.#unwritten.delete(ref)
    const gone = refs.filter((ref) => !this.#presences.has(ref))
    const { joins, leaves } = this.#fieldsOf(refs)
    if (joins.length + leaves.length === 0) return null
    const head = [String(lifetime), connection.publishCommand, key, String(joins.length / 2)]
    try {
      await connection.script(WRITE, [key], [...head, ...joins, ...leaves])
    } catch (error) {
      for (const ref of refs) this.#unwritten.add(ref)
      return error
    }
    // Not those that have left since: their fields are there now.
    for (const ref of gone) this.#fields.delete(ref)
    return null
  }

  /** The fields to set, each followed by its value, and those to remove. */
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
