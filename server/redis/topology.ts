import type { ErrorReply } from 'redis'
import type { Argument, Client, ReplyForm } from './client.ts'
import type { WrongServerError } from './probe.ts'
import type { RedisScript } from './script.ts'

/**
 * Called with null when the connection that sends commands is up, and with the error when this connection is lost or
 * cannot be opened.
 */
export type CommandsListener = (error: Error | null) => void

/**
 * Scripts to load on each new connection that sends commands. The connection counts as up only after the scripts are
 * loaded.
 */
export type Preparation = {
  readonly scripts: readonly RedisScript[]
  /**
   * Called after each command that prepares a connection (SCRIPT LOAD or INFO). `error` is null if the command
   * succeeded.
   */
  answered(args: readonly Argument[], error: ErrorReply | null): void
}

/** Redis servers that a node uses: one server, the current master behind Sentinels, or the servers of a cluster. */
export interface Topology {
  /**
   * True for a Redis Cluster: each channel belongs to a slot, and only the server of the slot accepts subscriptions.
   */
  readonly isSharded: boolean
  /**
   * Six digits that change when the Redis server restarts, or when it is promoted from replica to master. The digits
   * become part of a history's epoch (see `history-scripts.ts`). An empty string means that the digits are unknown;
   * then the scripts compute them. In a cluster, the digits are always unknown, because a server can redirect a command
   * to another server.
   */
  readonly runDigits: string
  /** Load scripts on each connection before the connection counts as up. Must be called before `start`. */
  prepare(preparation: Preparation): void
  /** Begin to open the connections that send commands. */
  start(listener: CommandsListener): void
  /** Disconnect after Redis has answered all sent commands, or after `graceMs` milliseconds. */
  stop(graceMs: number): Promise<void>
  /** Send a command to the server of the key. Rejects immediately while that server is unavailable. */
  send(key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown>
  /** Drop the connection to the server of the key, for example after a timeout. A new connection is opened later. */
  cut(key: string, error: Error): void
  /** Called when a server cannot serve. The connection counts as down until a usable server is found. */
  leave(error: WrongServerError): void
  /** Name of the server that gets the subscribe command for a channel; null while the server is unknown. */
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
