/** A reply's form: the strings of `buffers` are `Buffer`s. */
export type ReplyForm = 'strings' | 'buffers'
export type Argument = string | Buffer
export type MessageListener = (message: Buffer, channel: Buffer) => void

/** What we use of a client of the package `redis` for one server. */
export interface Client {
  readonly isOpen: boolean
  readonly isReady: boolean
  connect(): Promise<unknown>
  /** Disconnect once all commands are answered. */
  close(): Promise<void>
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'sharded-channel-moved', listener: (channel: string) => void): unknown
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>
  subscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
  unsubscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
  sSubscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
  sUnsubscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
}

/**
 * A client that was made by `createClient` or `createCluster` of the package `redis`. The engine connects
 * copies of it, and leaves the client itself alone.
 */
export interface GivenClient {
  duplicate(): unknown
}
