import { ErrorReply } from 'redis'
import type { EngineLogger, EngineNode, EngineState } from '../engine/engine.ts'
import { EngineError } from '../errors.ts'
import type { Argument, ReplyForm } from './client.ts'
import { Deadlines } from './deadlines.ts'
import { Keys } from './keys.ts'
import type { ConnectionOptions } from './options.ts'
import type { RedisScript } from './script.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Topology } from './topology.ts'

/** A command that waits for its answer. */
type Pending = { readonly key: string; readonly reject: (error: Error) => void }

/** This node's way to Redis: commands over one connection, subscriptions over another. */
export class RedisConnection {
  readonly keys: Keys
  readonly subscriptions: Subscriptions
  readonly #topology: Topology
  readonly #commandTimeout: number
  readonly #pending: Deadlines<Pending>
  readonly #listeners: ((isUp: boolean) => void)[]
  #logger: EngineLogger | null
  #state: EngineState
  #lag: number | null
  #commandsUp: boolean
  /** When an outage was written of; null while there is none. */
  #awaySince: number | null

  constructor(topology: Topology, options: ConnectionOptions) {
    this.keys = new Keys(options.prefix)
    this.subscriptions = new Subscriptions(topology, options)
    this.#topology = topology
    this.#commandTimeout = options.commandTimeout
    this.#pending = new Deadlines(options.commandTimeout, (pending) => this.#expired(pending))
    this.#listeners = []
    this.#logger = null
    this.#state = 'connecting'
    this.#lag = null
    this.#commandsUp = false
    this.#awaySince = null
  }

  /** Up once commands can be sent and everything that is wanted is subscribed to. */
  get state(): EngineState {
    return this.#state
  }

  /** Milliseconds that the latest command took; null before the first. */
  get lag(): number | null {
    return this.#lag
  }

  /** Begin to connect. It does not wait, and does not fail because a server is away. */
  start(node: EngineNode): void {
    this.#logger = node.logger
    this.#topology.start((error) => {
      this.#commandsUp = error === null
      this.subscriptions.commandsChanged(error)
      this.#changed(error)
    })
    this.subscriptions.start(node.logger, (error) => this.#changed(error))
  }

  /** Disconnect; commands that were sent before are answered first. */
  async stop(): Promise<void> {
    await Promise.all([this.subscriptions.stop(), this.#topology.stop(this.#commandTimeout)])
    this.#pending.clear()
  }

  /**
   * Run a command; `key` decides the node of a Redis Cluster. Replies are strings, numbers, null and
   * arrays, a map being a flat one; with the form `buffers`, Buffers in place of strings. Rejects with an
   * EngineError at once while Redis is away, and when there is no answer within `commandTimeout`; with
   * the client's ErrorReply when Redis answers with an error.
   */
  command(key: string, args: readonly Argument[], form: ReplyForm = 'strings'): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sentAt = performance.now()
      const pending: Pending = { key, reject }
      this.#pending.add(pending)
      this.#topology.send(key, args, form).then(
        (reply) => {
          this.#pending.delete(pending)
          this.#lag = performance.now() - sentAt
          resolve(reply)
        },
        (error: unknown) => {
          this.#pending.delete(pending)
          reject(error instanceof ErrorReply ? error : asEngineError(error))
        },
      )
    })
  }

  /** Run a script, all of whose keys are in one slot; the first decides the node of a Redis Cluster. */
  async script(
    script: RedisScript,
    keys: readonly string[],
    args: readonly Argument[],
    form: ReplyForm = 'strings',
  ): Promise<unknown> {
    const [key = ''] = keys
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.command(key, ['EVALSHA', script.sha, ...rest], form)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return this.command(key, ['EVAL', script.source, ...rest], form)
    }
  }

  /** What publishes to a channel, in scripts too. */
  get publishCommand(): 'PUBLISH' | 'SPUBLISH' {
    return this.#topology.isSharded ? 'SPUBLISH' : 'PUBLISH'
  }

  /** Publish; how many connections received it. */
  async publish(channel: string, message: Buffer): Promise<number> {
    return Number(await this.command(channel, [this.publishCommand, channel, message]))
  }

  /** Is told each time the connections for commands and subscriptions are both up, or no longer are. */
  onChange(listener: (isUp: boolean) => void): void {
    this.#listeners.push(listener)
  }

  /** The client drops its own timeout once a command is written, so this one is ours. */
  #expired(pending: Pending): void {
    const error = new EngineError(`Redis did not answer within ${this.#commandTimeout} ms`)
    pending.reject(error)
    this.#topology.cut(pending.key, error)
  }

  #changed(error: Error | null): void {
    const isUp = this.#commandsUp && this.subscriptions.isStanding
    if (!isUp && error !== null) this.#writeLoss(error)
    if (isUp === (this.#state === 'up')) return
    // Before the first time it is not lost.
    if (isUp || this.#state === 'up') this.#state = isUp ? 'up' : 'down'
    if (isUp) this.#writeReturn()
    for (const listener of this.#listeners) listener(isUp)
  }

  #writeLoss(error: Error): void {
    if (this.#awaySince !== null) return
    this.#awaySince = performance.now()
    this.#logger?.warn(
      { err: error },
      'Redis is away: until it is back, this node reaches only its own clients',
    )
  }

  #writeReturn(): void {
    if (this.#awaySince === null) return
    const awayMs = Math.round(performance.now() - this.#awaySince)
    this.#awaySince = null
    this.#logger?.info({ awayMs }, 'Redis is back: this node reaches the others again')
  }
}

/** Whatever the client calls it, the connection has gone. */
function asEngineError(error: unknown): EngineError {
  return error instanceof EngineError
    ? error
    : new EngineError('the connection to Redis was lost', { cause: error })
}
