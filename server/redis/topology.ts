import type { ErrorReply } from 'redis'
import type { Argument, Client, ReplyForm } from './client.ts'
import type { WrongServerError } from './probe.ts'
import type { RedisScript } from './script.ts'

/**
 * Listener to the connection for commands. Called with null when the connection is up, and with the error when the
 * connection is lost or an attempt to connect has failed.
 */
export type CommandsListener = (error: Error | null) => void

/**
 * Scripts to load on each connection for commands before the connection counts as up, and a listener to the replies.
 */
export type Preparation = {
  readonly scripts: readonly RedisScript[]
  /**
   * Called for each command of the preparation: with null after a successful reply, and with the error reply otherwise.
   */
  answered(args: readonly Argument[], error: ErrorReply | null): void
}

/** Redis servers that a node uses: one server, the current master behind Sentinels, or the servers of a cluster. */
export interface Topology {
  /** True if a channel belongs to a slot and must be subscribed to at the server of that slot. */
  readonly isSharded: boolean
  /**
   * Six digits that identify the current run of the Redis server that gets the commands. The digits become part of a
   * history's epoch (see `history-scripts.ts`). They differ for each Redis process, and change when a replica is
   * promoted. '' if the digits are unknown: in this case, the scripts read them from Redis. In a cluster, the digits
   * are always unknown, because a server can redirect a command to another server.
   */
  readonly runDigits: string
  /** Load scripts on each connection before the connection counts as up. Must be called before `start`. */
  prepare(preparation: Preparation): void
  /** Start to connect for commands. */
  start(listener: CommandsListener): void
  /** Disconnect after Redis has answered all sent commands, or after `graceMs` milliseconds. */
  stop(graceMs: number): Promise<void>
  /** Send a command to the server of the key. Rejects immediately while that server is unavailable. */
  send(key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown>
  /** Drop the connection to the server of the key, for example after a timeout. A new connection is opened later. */
  cut(key: string, error: Error): void
  /** Stop using a server that cannot serve. The connection counts as down until a server can serve. */
  leave(error: WrongServerError): void
  /** Name of the server at which a channel must be subscribed to; null while the server is unknown. */
  serverOf(channel: string): string | null
  /**
   * Create a client for subscriptions at a server. The client is not connected. @throws EngineError when the server is
   * unknown.
   */
  subscriber(server: string): Client | Promise<Client>
  /** Check the server of a client. Rejects if the server cannot serve, for example because it is a replica. */
  verify(client: Client): Promise<void>
  /** Read the slot map of the cluster again. Does nothing outside of a cluster. Never rejects. */
  refresh(): Promise<void>
}
