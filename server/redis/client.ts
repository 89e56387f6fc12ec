import { faultOf, type Rule } from '../../protocol/check.ts'

/** Form of a reply. With `buffers`, the strings in the reply are `Buffer`s. */
export type ReplyForm = 'strings' | 'buffers'
export type Argument = string | Buffer
export type MessageListener = (message: Buffer, channel: Buffer) => void

/** Single-server client of the package `redis`, reduced to the methods and properties that we use. */
export interface Client {
  readonly isOpen: boolean
  readonly isReady: boolean
  connect(): Promise<unknown>
  /** Disconnect after Redis has answered all commands. */
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

/** Client from which `copyOf` makes copies. */
export interface Template {
  readonly options: { readonly socket?: object }
  duplicate(overrides?: object): Client
}

/**
 * Client made by `createClient` or `createCluster` of the package `redis`. The engine connects copies of this client
 * and never the client itself.
 */
export interface GivenClient {
  duplicate(overrides?: object): unknown
}

const LEGAL_CLIENT = 'a client made by createClient or createCluster of the package redis'

/** Rule that checks the engine option `client`. */
export const givenClient: Rule = (value) => {
  const client: Record<string, unknown> = Object(value)
  const isServers = typeof client['sSubscribe'] === 'function' && typeof client['duplicate'] === 'function'
  if (isServers && ('options' in client || '_options' in client)) return null
  if (isServers)
    return {
      path: '',
      words: `must be ${LEGAL_CLIENT} (got a client of createSentinel; set \`url\` and \`sentinels\` instead)`,
    }
  if (typeof client['ssubscribe'] !== 'function') return faultOf(LEGAL_CLIENT, value)
  return {
    path: '',
    words: `must be ${LEGAL_CLIENT} (got a client of ioredis; set \`url\`, or \`urls\` for a Redis Cluster, instead)`,
  }
}

/** Maximum time to connect, in milliseconds. */
export const CONNECT_MS = 5_000

/**
 * Options of all Redis clients that the engine creates. The clients queue nothing: during an outage, commands fail
 * immediately, and the engine decides whether to repeat them.
 */
export const OWN_OPTIONS = {
  RESP: 3,
  // Disable the command timeout of the package `redis`. That timeout needs a timer per command, and ends when the
  // command is written, not when the reply arrives. `Deadlines` replaces it.
  commandOptions: { timeout: 0 },
  disableOfflineQueue: true,
  maintNotifications: 'disabled',
} as const

/** Copy a template. The copy is not connected and does not reconnect. `address` overrides the template's address. */
export function copyOf(template: Template, address: object = {}): Client {
  const socket = {
    ...template.options.socket,
    ...address,
    reconnectStrategy: false,
    connectTimeout: CONNECT_MS,
  }
  // `url: undefined` removes the template's URL, because the address in a URL would override the address in `socket`.
  return template.duplicate({ ...OWN_OPTIONS, url: undefined, socket })
}
