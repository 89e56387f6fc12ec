import { boolean, list, object, type Rules } from '../../protocol/check.ts'
import { historyRule } from '../../protocol/contract.ts'
import { topicPattern } from '../../protocol/topic.ts'
import type { HistoryContract } from '../pubsub/histories.ts'
import type { HistorySettings } from '../pubsub/history.ts'
import { ignore } from '../runtime/promise.ts'
import type { RedisConnection } from './connection.ts'
import type { ConnectionOptions } from './options.ts'

// Problem: a process that only publishes must append to topics with a history, and with the settings of the nodes. It
// may not have their contracts.
//
// Approach: the nodes keep the settings of their histories under one key, and write it anew once per lease, as Redis
// may be emptied. It expires when no node has run for ten leases.
//
// Invariant: without the key it is unknown whether a topic has a history; a node without histories says so.

/** Number of leases for which the settings outlive the last node. */
const LIFETIME_LEASES = 10

/** Histories of a cluster's nodes. */
export type SharedSettings = {
  /** See `RedisEngineOptions`. */
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

/** Keeps the settings of this node's histories in Redis, for emitters. */
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

  /** Start to write whenever Redis is reached, and once per lease. Must be called before the connection is started. */
  start(histories: readonly HistorySettings[]): void {
    const { durable, lease } = this.#options
    const settings: SharedSettings = { durable, histories: histories.map(contractOf) }
    const lifetime = String(LIFETIME_LEASES * lease)
    // A node that takes no part in histories must not hide those of the others.
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
    // The connection logs outages and refused commands, once each.
    this.#connection.command(keyOf(this.#connection), this.#command).catch(ignore)
  }
}

/** Read the settings of the cluster's histories, as JSON; null if no node has written any. */
export async function readShared(connection: RedisConnection): Promise<string | null> {
  const key = keyOf(connection)
  const text = await connection.command(key, ['GET', key])
  return typeof text === 'string' ? text : null
}

/** Parse what `readShared` has read. @throws TypeError for settings of another version. */
export function parseShared(text: string): SharedSettings {
  const settings: unknown = JSON.parse(text)
  if (sharedSettings(settings) !== null) throw new TypeError('settings of another version')
  // A cast: the rule has checked it.
  return settings as SharedSettings
}

function keyOf({ keys }: RedisConnection): string {
  return keys.of('histories')
}

function contractOf({ pattern, events, ...settings }: HistorySettings): HistoryContract {
  return { topic: pattern, history: { ...settings, events: [...events] } }
}
