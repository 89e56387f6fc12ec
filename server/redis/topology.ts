import type { ErrorReply } from 'redis'
import type { Argument, Client, ReplyForm } from './client.ts'
import type { WrongServerError } from './probe.ts'
import type { RedisScript } from './script.ts'

/** Listener to the connection for commands: null when it is up, an error when it or an attempt has failed. */
export type CommandsListener = (error: Error | null) => void

/** Scripts to load on each connection for commands before it is up, and a listener to error replies. */
export type Preparation = {
  readonly scripts: readonly RedisScript[]
  /** Called for each command of the preparation: null when it was answered, an error when it was refused. */
  answered(args: readonly Argument[], error: ErrorReply | null): void
}

/** Servers of Redis: one server, the master that Sentinels name, or a cluster. */
export interface Topology {
  /** Whether a channel belongs to a slot and must be subscribed to at the server of that slot. */
  readonly isSharded: boolean
  /**
   * Digits of the history of the server to which commands are sent now, which another process of Redis does not have;
   * '' when they are unknown: scripts read them themselves. They are always unknown in a cluster, which redirects
   * commands.
   */
  readonly runDigits: string
  /** Load scripts on each connection before it is up. Must be called before `start`. */
  prepare(preparation: Preparation): void
  /** Start to connect for commands. */
  start(listener: CommandsListener): void
  /** Disconnect when all sent commands are answered, or after `graceMs` milliseconds. */
  stop(graceMs: number): Promise<void>
  /** Send a command to the server of the key. Rejects at once while that server is unavailable. */
  send(key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown>
  /** Replace the connection to the server of the key, after a command that timed out. */
  cut(key: string, error: Error): void
  /** Leave a server that answered that it cannot serve; the listener hears "up" only when a server can. */
  leave(error: WrongServerError): void
  /** Name of the server at which a channel must be subscribed to; null while it is unknown. */
  serverOf(channel: string): string | null
  /** Make a client, not connected, for subscriptions at a server. @throws EngineError when the server is unknown. */
  subscriber(server: string): Client | Promise<Client>
  /** Check the server of a client. Rejects when it is the wrong one. */
  verify(client: Client): Promise<void>
  /** Read the map of slots again. Never rejects. */
  refresh(): Promise<void>
}
