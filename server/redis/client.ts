import { faultOf, type Rule } from '../../protocol/check.ts'

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
  on(event: 'end', listener: () => void): unknown
  on(event: 'sharded-channel-moved', listener: (channel: string) => void): unknown
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>
  subscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
  unsubscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
  sSubscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
  sUnsubscribe(channels: string[], listener: MessageListener, bufferMode: true): Promise<void>
}

/** A client that is never connected itself, only copied. */
export interface Template {
  readonly options: { readonly socket?: object }
  duplicate(overrides?: object): Client
}

/**
 * A client that was made by `createClient` or `createCluster` of the package `redis`. The engine connects
 * copies of it, and leaves the client itself alone.
 */
export interface GivenClient {
  duplicate(overrides?: object): unknown
}

const LEGAL = 'a client made by createClient or createCluster of the package redis'

/** The option `client` of an engine. */
export const givenClient: Rule = (value) => {
  const client: Record<string, unknown> = Object(value)
  const isServers = typeof client['sSubscribe'] === 'function' && typeof client['duplicate'] === 'function'
  if (isServers && ('options' in client || '_options' in client)) return null
  if (isServers) return { path: '', words: `must be ${LEGAL} (for Sentinel give \`url\` and \`sentinels\`)` }
  if (typeof client['ssubscribe'] !== 'function') return faultOf(LEGAL, value)
  return { path: '', words: `must be ${LEGAL} (got a client of ioredis; give its URL as \`url\` instead)` }
}

/** How long it may take to connect, in ms. */
export const CONNECT_MS = 5_000

/**
 * What all our clients have in common, whatever their template says. They wait for nothing: an outage is
 * known at once, and what becomes of commands and subscriptions then is our business.
 */
export const OWN_OPTIONS = {
  RESP: 3,
  // One timer for each command would be, which in addition ends when the command is written.
  commandOptions: { timeout: 0 },
  disableOfflineQueue: true,
  maintNotifications: 'disabled',
} as const

/** A client like the template, not connected, that does not reconnect; at another address if one is given. */
export function copyOf(template: Template, address: object = {}): Client {
  const socket = {
    ...template.options.socket,
    ...address,
    reconnectStrategy: false,
    connectTimeout: CONNECT_MS,
  }
  // An URL would be read again, and its address win.
  return template.duplicate({ ...OWN_OPTIONS, url: undefined, socket })
}
