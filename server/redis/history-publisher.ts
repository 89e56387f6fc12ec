import type { Broadcast } from '../../protocol/index.ts'
import { digestOf } from '../pubsub/broadcast-keys.ts'
import type { Appended, HistoryHost, HistorySettings } from '../pubsub/history.ts'
import type { RedisConnection } from './connection.ts'
import { APPEND } from './history-scripts.ts'
import { encodeBroadcast, encodeEchoed } from './message.ts'
import type { ConnectionOptions } from './options.ts'

/** Options for publishing; see `RedisEngineOptions`. */
export type PublishOptions = Pick<ConnectionOptions, 'durable' | 'whenAway' | 'maxUnsentBytes'>

/** Methods of `HistoryHost` that the publisher calls. */
type PublisherHost = Pick<HistoryHost, 'deliver' | 'note'>

/** Maximum number of topics whose epoch is cached. */
const MAX_EPOCHS = 10_000
const UNKNOWN: Appended = Object.freeze({ outcome: 'unknown' })

/**
 * Publishes broadcasts of topics with a history. All nodes, including this one, deliver a broadcast when it arrives
 * from Redis. If Redis is unavailable and `whenAway` is `local`, only this node delivers the broadcast.
 */
export class HistoryPublisher {
  readonly #connection: RedisConnection
  readonly #options: PublishOptions
  readonly #host: PublisherHost
  /**
   * Latest known epoch of each topic, the least recently used topic first. With a known epoch, the script `APPEND`
   * needs fewer calls of Redis.
   */
  readonly #epochs: Map<string, string>
  /** Bytes of messages that Redis has not acknowledged, including sent messages. Limited by `maxUnsentBytes`. */
  #unsentBytes: number

  constructor(connection: RedisConnection, options: PublishOptions, host: PublisherHost) {
    this.#connection = connection
    this.#options = options
    this.#host = host
    this.#epochs = new Map()
    this.#unsentBytes = 0
  }

  /** Append a broadcast to the stream of its topic, and publish the broadcast (see `HistoryStore.append`). */
  async append(broadcast: Broadcast, settings: HistorySettings, key: string | null): Promise<Appended> {
    const { topic } = broadcast
    const message = encodeBroadcast('', broadcast)
    const id = await this.#send(broadcast, message.length, () =>
      this.#connection.orderedScript(
        APPEND,
        this.#keysOf(topic, key),
        this.#argsOf(broadcast, settings, message, key),
      ),
    )
    if (id === null) {
      this.#host.note({ kind: 'refused', topic })
      return UNKNOWN
    }
    const [epoch = '', seq] = String(id).split('-')
    if (epoch === '') return { outcome: 'key_reused' }
    this.#remember(topic, epoch)
    return { outcome: 'kept', position: { epoch, seq: Number(seq) } }
  }

  /** Publish a broadcast that the history does not keep (see `HistoryStore.pass`). */
  async pass(broadcast: Broadcast): Promise<boolean> {
    const message = encodeEchoed(broadcast)
    const channel = this.#connection.keys.topic(broadcast.topic)
    const sent = await this.#send(broadcast, message.length, () => this.#connection.publish(channel, message))
    return sent !== null
  }

  /**
   * Call `send`, and resolve with the reply of Redis. Resolves with null if Redis is unavailable, refuses the command,
   * or is too slow.
   */
  async #send(broadcast: Broadcast, bytes: number, send: () => Promise<unknown>): Promise<unknown> {
    const { whenAway, maxUnsentBytes } = this.#options
    if (whenAway === 'local' && !this.#connection.canSend) {
      this.#host.deliver(broadcast)
      return null
    }
    if (this.#unsentBytes + bytes > maxUnsentBytes) return null
    this.#unsentBytes += bytes
    try {
      return await send()
    } catch {
      // Do not log the error, because the connection logs each outage and each refused command once.
      return null
    } finally {
      this.#unsentBytes -= bytes
    }
  }

  #keysOf(topic: string, key: string | null): string[] {
    const { keys } = this.#connection
    const own = [keys.ofTopic(topic, 'log'), keys.ofTopic(topic, 'bytes')]
    return key === null ? own : [...own, keys.ofTopic(topic, 'key', key)]
  }

  #remember(topic: string, epoch: string): void {
    this.#epochs.delete(topic)
    this.#epochs.set(topic, epoch)
    const [oldest] = this.#epochs.keys()
    if (this.#epochs.size > MAX_EPOCHS && oldest !== undefined) this.#epochs.delete(oldest)
  }

  #argsOf(
    broadcast: Broadcast,
    settings: HistorySettings,
    message: Buffer,
    key: string | null,
  ): (string | Buffer)[] {
    const { size, ttlMs, maxBytes, keyTtlMs } = settings
    const { keys, publishCommand } = this.#connection
    return [
      this.#options.durable ? '1' : '0',
      this.#epochs.get(broadcast.topic) ?? '',
      String(size),
      String(ttlMs),
      publishCommand,
      keys.topic(broadcast.topic),
      String(maxBytes),
      String(Buffer.byteLength(broadcast.json ?? '')),
      message,
      ...(key === null ? [] : [String(keyTtlMs), digestOf(broadcast)]),
    ]
  }
}
