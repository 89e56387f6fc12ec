import { ErrorReply } from 'redis'
import type { EngineLogger, EngineNode, EngineState } from '../engine/engine.ts'
import { EngineError } from '../errors.ts'
import type { Argument, ReplyForm } from './client.ts'
import { Deadlines } from './deadlines.ts'
import { Keys } from './keys.ts'
import type { ConnectionOptions } from './options.ts'
import { asWrongServer, errorCodeOf, WrongServerError } from './probe.ts'
import type { RedisScript } from './script.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Topology } from './topology.ts'

/** Command that waits for its reply. */
type PendingCommand = { readonly key: string; readonly reject: (error: Error) => void }

/** This node's connections to Redis. Commands and subscriptions use separate connections. */
export class RedisConnection {
  readonly keys: Keys
  readonly subscriptions: Subscriptions
  readonly #topology: Topology
  readonly #commandTimeout: number
  readonly #pending: Deadlines<PendingCommand>
  readonly #listeners: ((isUp: boolean) => void)[]
  #logger: EngineLogger | null
  #state: EngineState
  #lag: number | null
  #commandsUp: boolean
  /** Time at which the current outage was logged; null if there is no outage. */
  #awaySince: number | null
  /** Commands that Redis refuses, each with the error code of its latest refusal. */
  readonly #refused: Map<string, string>
  /** Error code with which Redis refuses connections or subscriptions; null if Redis refuses none. */
  #fault: string | null

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
    this.#refused = new Map()
    this.#fault = null
  }

  /** `up` if commands can be sent and all wanted channels are subscribed to. */
  get state(): EngineState {
    return this.#state
  }

  get canSend(): boolean {
    return this.#commandsUp
  }

  /** Duration of the latest command in milliseconds; null before the first command. */
  get lag(): number | null {
    return this.#lag
  }

  /**
   * Error code, such as NOPERM, if Redis refuses a connection, a command or a subscription; null if Redis refuses
   * nothing.
   */
  get fault(): string | null {
    const [first = null] = this.#refused.values()
    return this.#fault ?? first
  }

  /** Start to connect. Does not wait, and does not fail when a server is unavailable. */
  start({ logger }: EngineNode): void {
    this.startCommands(logger)
    this.subscriptions.start(logger, (error) => this.#changed(error))
  }

  /** Start to connect, but only for commands. Used by a process that does not subscribe to channels. */
  startCommands(logger: EngineLogger): void {
    this.#logger = logger
    this.#topology.start((error) => {
      this.#commandsUp = error === null
      this.subscriptions.commandsChanged(error)
      this.#changed(error)
    })
  }

  /** Disconnect after Redis has answered all sent commands, or after `commandTimeout` milliseconds. */
  async stop(): Promise<void> {
    await Promise.all([this.subscriptions.stop(), this.#topology.stop(this.#commandTimeout)])
    this.#pending.clear()
  }

  /**
   * Run a command. In a Redis Cluster, `key` selects the server. Resolves with the reply: a string (a Buffer if `form`
   * is `buffers`), a number, null or an array. A map becomes a flat array. Rejects with an EngineError if Redis is
   * unavailable (immediately) or does not reply (after `commandTimeout`). Rejects with an ErrorReply of the package
   * `redis` if Redis replies with an error.
   */
  command(key: string, args: readonly Argument[], form: ReplyForm = 'strings'): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sentAt = performance.now()
      const pending: PendingCommand = { key, reject }
      this.#pending.add(pending)
      this.#topology.send(key, args, form).then(
        (reply) => {
          this.#pending.delete(pending)
          this.#lag = performance.now() - sentAt
          if (this.#refused.size > 0) this.#refused.delete(commandName(args))
          resolve(reply)
        },
        (error: unknown) => {
          this.#pending.delete(pending)
          if (!(error instanceof ErrorReply)) return reject(asEngineError(error))
          this.#wasRefused(args, error)
          reject(error)
        },
      )
    })
  }

  /** Run a script. In a Redis Cluster, all keys must be in one slot, and the first key selects the server. */
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

  /**
   * Set the scripts that `orderedScript` can run. Each new connection loads these scripts. Must be called before
   * `start` or `startCommands`.
   */
  prepare(scripts: readonly RedisScript[]): void {
    this.#topology.prepare({ scripts, answered: (args, error) => this.#prepared(args, error) })
  }

  /**
   * Run a history script that was passed to `prepare`. Scripts run in the order of the calls; in a Redis Cluster, a
   * redirect or a missing script can change the order. The script's first argument is `Topology.runDigits` (digits that
   * change when Redis restarts), followed by `args`.
   */
  async orderedScript(
    script: RedisScript,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    const [key = ''] = keys
    const rest = [String(keys.length), ...keys, this.#topology.runDigits, ...args]
    try {
      // Send the command in the same event-loop turn in which `runDigits` was read. In a later turn, this node may be
      // connected to another Redis server, which has other `runDigits`.
      return await this.command(key, ['EVALSHA', script.sha, ...rest], 'buffers')
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      // Send the source, because a new server of a cluster does not have the script yet.
      if (this.#topology.isSharded) return this.command(key, ['EVAL', script.source, ...rest], 'buffers')
      this.#topology.cut(
        key,
        new EngineError('Redis has lost the Lua scripts that this node loaded', { cause: error }),
      )
      throw error
    }
  }

  /** Name of the command that publishes to a channel. Scripts use this name, too. */
  get publishCommand(): 'PUBLISH' | 'SPUBLISH' {
    return this.#topology.isSharded ? 'SPUBLISH' : 'PUBLISH'
  }

  /** Publish a message. Resolves with the number of connections that received it. */
  async publish(channel: string, message: Buffer): Promise<number> {
    return Number(await this.command(channel, [this.publishCommand, channel, message]))
  }

  /** Call the listener with true when all connections have come up, and with false when one of them is lost. */
  onChange(listener: (isUp: boolean) => void): void {
    this.#listeners.push(listener)
  }

  /** Handle a command that had no reply within `commandTimeout`. */
  #expired(pending: PendingCommand): void {
    const error = new EngineError(`Redis did not answer within ${this.#commandTimeout} ms`)
    pending.reject(error)
    this.#topology.cut(pending.key, error)
  }

  /** Handle an error reply: the server is alive, but refuses the command. */
  #wasRefused(args: readonly Argument[], error: ErrorReply): void {
    const wrong = asWrongServer(error)
    if (wrong !== null) return this.#leave(wrong)
    const fault = errorCodeOf(error)
    // Ignore NOSCRIPT, because `script` and `orderedScript` handle this error.
    if (fault === null || fault === 'NOSCRIPT') return
    const name = commandName(args)
    if (this.#refused.get(name) === fault) return
    this.#refused.set(name, fault)
    this.#logger?.warn({ err: error, command: String(args[0]) }, 'redis refused a command')
  }

  #prepared(args: readonly Argument[], error: ErrorReply | null): void {
    if (error === null) this.#refused.delete(commandName(args))
    else this.#wasRefused(args, error)
  }

  /**
   * Disconnect from the Redis server that replied with this error. Without a Redis Cluster, the subscriptions use the
   * same server and are disconnected too.
   */
  #leave(error: WrongServerError): void {
    this.#topology.leave(error)
    if (!this.#topology.isSharded) this.subscriptions.leave(error)
  }

  #changed(error: Error | null): void {
    if (error instanceof WrongServerError && !this.#topology.isSharded) this.#leave(error)
    const isUp = this.#commandsUp && this.subscriptions.isSubscribed
    if (isUp) this.#fault = null
    else if (error !== null) this.#writeLoss(error)
    if (isUp === (this.#state === 'up')) return
    // The state becomes "down" only after "up". Before the first connection, the state stays "connecting".
    if (isUp || this.#state === 'up') this.#state = isUp ? 'up' : 'down'
    if (isUp) this.#writeReturn()
    for (const listener of this.#listeners) listener(isUp)
  }

  #writeLoss(error: Error): void {
    const fault = errorCodeOf(error)
    // Once an outage has been logged, LOADING is not logged, because a server that is loading will soon be ready.
    const isNews = fault !== null && fault !== 'LOADING' && fault !== this.#fault
    this.#fault = fault ?? this.#fault
    if (this.#awaySince === null) {
      this.#awaySince = performance.now()
      this.#logger?.warn(
        { err: error },
        'redis connection lost: this node reaches only its own clients until it is restored',
      )
    } else if (isNews) this.#logger?.warn({ err: error }, 'redis refused the connection or a subscription')
  }

  #writeReturn(): void {
    if (this.#awaySince === null) return
    const awayMs = Math.round(performance.now() - this.#awaySince)
    this.#awaySince = null
    this.#logger?.info({ awayMs }, 'redis connection restored: this node reaches the other nodes again')
  }
}

/** Name of a command. For EVALSHA, the name includes the digest of the script, to tell scripts apart. */
function commandName([command, argument]: readonly Argument[]): string {
  return command === 'EVALSHA' ? `EVALSHA ${String(argument)}` : String(command)
}

/** Convert the error of a failed command. An error of the package `redis` becomes the `cause` of an EngineError. */
function asEngineError(error: unknown): EngineError {
  return error instanceof EngineError
    ? error
    : new EngineError('the connection to Redis was lost', { cause: error })
}
