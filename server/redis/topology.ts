import type { Argument, Client, ReplyForm } from './client.ts'
import type { WrongServerError } from './probe.ts'

/** Hears of the connection for commands; an error says that it is lost, or that another attempt failed. */
export type CommandsListener = (error: Error | null) => void

/** Where Redis is: one server, the one that Sentinel names, or a cluster of them. */
export interface Topology {
  /** Channels live in slots, and are subscribed to where their slot is. */
  readonly isSharded: boolean
  /** Begin to connect for commands. */
  start(listener: CommandsListener): void
  /** Disconnect once what was sent is answered, at latest after `graceMs` milliseconds. */
  stop(graceMs: number): Promise<void>
  /** Send a command to the server that has the key. Rejects at once while that is away. */
  send(key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown>
  /** A command for the key was not answered in time: open another connection. */
  cut(key: string, error: Error): void
  /** A server has answered that it cannot serve: be up again only when that has changed. */
  leave(error: WrongServerError): void
  /** The server that carries a channel's messages; null while that is unknown. */
  homeOf(channel: string): string | null
  /** A client for subscriptions at a home, not connected. @throws EngineError when there is no such home. */
  subscriber(home: string): Client | Promise<Client>
  /** Rejects when that client is connected to the wrong server. */
  verify(client: Client): Promise<void>
  /** Learn anew where channels live. Never rejects. */
  refresh(): Promise<void>
}
