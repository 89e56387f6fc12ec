import { boolean, list, object, type Rules } from '../../protocol/check.ts'
import { historyRule } from '../../protocol/contract.ts'
import { topicPattern } from '../../protocol/topic.ts'
import type { HistoryContract } from '../pubsub/histories.ts'
import type { HistorySettings } from '../pubsub/history.ts'
import { ignore } from '../runtime/promise.ts'
import type { RedisConnection } from './connection.ts'
import type { ConnectionOptions } from './options.ts'

// Problem: a process that only publishes also has to append messages to the histories of topics. For this, the process
// needs the same history settings as the nodes, but it does not necessarily have their contracts.
//
// Approach: the nodes store the settings of their histories under one key in Redis. The nodes write the key again once
// per lease, because Redis may lose its data. The key expires when no node with histories has run for ten leases.
//
// Invariant: if the key is missing, it is unknown whether a topic has a history. A node without histories therefore
// writes an empty list.

/** Time for which the key is kept after the last node with histories has stopped, as a multiple of the lease. */
const LIFETIME_LEASES = 10

/** History settings that nodes write to Redis. */
export type SharedSettings = {
  /** True if every acknowledged write survives a restart of Redis (the nodes' option `durable`). */
  readonly durable: boolean
  readonly histories: readonly HistoryContract[]
}

const rules: Rules<SharedSettings> = {
  durable: boolean,
  histories: list(
    object<Required<HistoryContract>>({ topic: topicPattern, history: historyRule }, ['topic', 'history']),
  ),
}
const sharedSettings = object<SharedSettings>(rules, ['durable', 'histories'])

/** Writes this node's history settings to Redis. Each `Emitter`, a publisher without a server, reads them. */
export class SharedHistories {
  readonly #connection: RedisConnection
  readonly #options: Pick<ConnectionOptions, 'durable' | 'lease'>
  #command: readonly string[]
  #timer: NodeJS.Timeout | null

  constructor(connection: RedisConnection, options: Pick<ConnectionOptions, 'durable' | 'lease'>) {
    this.#connection = connection
    this.#options = options
    this.#command = []
    this.#timer = null
  }

  /**
   * Start to write the settings to Redis: each time the connection comes up, and every `lease` milliseconds. Must be
   * called before the connection is started.
   */
  start(histories: readonly HistorySettings[]): void {
    const { durable, lease } = this.#options
    const settings: SharedSettings = { durable, histories: histories.map(contractOf) }
    const lifetime = String(LIFETIME_LEASES * lease)
    // A node without histories writes only if the key does not exist (NX), so that it does not replace the settings of
    // other nodes.
    const isOptional = histories.length === 0 ? ['NX'] : []
    this.#command = ['SET', keyOf(this.#connection), JSON.stringify(settings), 'PX', lifetime, ...isOptional]
    this.#connection.onChange((isUp) => {
      if (isUp) this.#write()
    })
    this.#timer = setInterval(() => this.#write(), lease)
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  #write(): void {
    if (!this.#connection.canSend) return
    // Ignore errors, because the connection logs each outage and each refused command once.
    this.#connection.command(keyOf(this.#connection), this.#command).catch(ignore)
  }
}

/** Read, as JSON, the history settings that the nodes have written. Resolves with null if there are none. */
export async function readShared(connection: RedisConnection): Promise<string | null> {
  const key = keyOf(connection)
  const text = await connection.command(key, ['GET', key])
  return typeof text === 'string' ? text : null
}

/** Parse the JSON that `readShared` returned. @throws TypeError when another version of the package wrote it. */
export function parseShared(text: string): SharedSettings {
  const settings: unknown = JSON.parse(text)
  if (sharedSettings(settings) !== null)
    throw new TypeError('another version of fastify-phoenix wrote the settings')
  // The cast is safe: the rule has checked the settings.
  return settings as SharedSettings
}

function keyOf({ keys }: RedisConnection): string {
  return keys.of('histories')
}

function contractOf({ pattern, events, ...settings }: HistorySettings): HistoryContract {
  return { topic: pattern, history: { ...settings, events: [...events] } }
}
