import { type Drainer, type DrainerOptions, drainerDefaults } from '../drainer.ts'
import { UsageError } from '../errors.ts'
import { type ConnectInfo, type ConnectInfoKey, checkConnectInfoKeys } from '../socket/connect-info.ts'
import { type AnySocket, SocketDefinition } from '../socket/define-socket.ts'
import { type CheckOrigin, compileOrigin, type OriginCheck } from './origin.ts'

/** How a socket is served over WebSocket. */
export type WebSocketOptions = {
  /** The end of its path; default `/websocket`. */
  readonly path?: string
  /** Close after so many milliseconds without a byte from the client; default 60,000. */
  readonly timeout?: number
  /** Bytes of the largest message, in one frame or in many; above it 1009; default 10,000,000. */
  readonly maxFrameSize?: number
  /** Bytes that may wait to be sent; a client that reads too slowly gets 1013; default 1,048,576. */
  readonly maxBufferedBytes?: number
  /** Offer permessage-deflate; default false: it costs memory and time. */
  readonly compress?: boolean
  /** Sub-protocols, the preferred one first; default: none is checked, none is chosen. */
  readonly subprotocols?: readonly string[]
}

/**
 * What a refused client is answered in place of an empty 403: another response, or, over WebSocket, a
 * connection that is closed at once, whose code and reason the client can see.
 */
export type RefusalResponse =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly close: number; readonly reason?: string }

/** A socket and how it is served. */
export type MountOptions = {
  readonly socket: AnySocket
  /** Default: on, with its defaults. */
  readonly websocket?: false | WebSocketOptions
  /** Which web pages may connect; default `'same-host'`, the pages of the host and port of the request. */
  readonly checkOrigin?: CheckOrigin
  /** The host that `checkOrigin: true` compares with. */
  readonly urlHost?: string
  /** The parts of the request that `connect` is given; default none. */
  readonly connectInfo?: readonly ConnectInfoKey[]
  /** Take a token from the sub-protocol or the X-Phoenix-AuthToken header; default false. */
  readonly authToken?: boolean
  /** Chooses the answer to a client that `connect` refused; default an empty 403. */
  readonly refuse?: (reason: unknown, info: ConnectInfo) => RefusalResponse
  /** How its connections are closed when the server stops; false = all at once. */
  readonly drainer?: false | DrainerOptions
}

/** A mount whose options are checked and filled in. */
export type Mount = {
  readonly path: string
  readonly socket: AnySocket
  readonly websocket:
    | (Required<Omit<WebSocketOptions, 'subprotocols'>> & {
        readonly subprotocols: readonly string[] | null
      })
    | null
  readonly checkOrigin: OriginCheck
  readonly connectInfo: readonly ConnectInfoKey[]
  readonly authToken: boolean
  readonly refuse: (reason: unknown, info: ConnectInfo) => RefusalResponse
  readonly drainer: Drainer
}

const FORBIDDEN: RefusalResponse = Object.freeze({ status: 403 })

/** Check a mount's options and fill in the defaults. @throws UsageError when one is illegal. */
export function resolveMount(path: string, given: AnySocket | MountOptions): Mount {
  const options: MountOptions = 'socket' in given ? given : { socket: given }
  if (!path.startsWith('/')) throw illegal(path, 'path', path, 'one that begins with /')
  if (!(options.socket instanceof SocketDefinition))
    throw illegal(path, 'socket', options.socket, 'what defineSocket returns')
  const { authToken = false, websocket = {} } = options
  const keys = options.connectInfo ?? []
  checkConnectInfoKeys(keys)
  return Object.freeze({
    path: path.replace(/\/+$/, ''),
    socket: options.socket,
    websocket: websocket === false ? null : resolveWebSocket(path, websocket, authToken),
    checkOrigin: compileOrigin(options.checkOrigin ?? 'same-host', options.urlHost ?? null),
    connectInfo: authToken && !keys.includes('authToken') ? [...keys, 'authToken' as const] : keys,
    authToken,
    refuse: options.refuse ?? (() => FORBIDDEN),
    drainer: resolveDrainer(path, options.drainer ?? {}),
  })
}

function resolveWebSocket(path: string, options: WebSocketOptions, authToken: boolean): Mount['websocket'] {
  const { timeout = 60_000, maxFrameSize = 10_000_000, maxBufferedBytes = 1_048_576 } = options
  for (const [name, value] of Object.entries({ timeout, maxFrameSize, maxBufferedBytes })) {
    if (!(Number.isInteger(value) && value > 0))
      throw illegal(path, `websocket.${name}`, value, 'a positive integer')
  }
  const { subprotocols } = options
  return {
    path: `/${(options.path ?? 'websocket').replace(/^\/+/, '')}`,
    timeout,
    maxFrameSize,
    maxBufferedBytes,
    compress: options.compress ?? false,
    // A client that offers a token offers `phoenix` beside it, so that something can be chosen (AUTH-2).
    subprotocols: authToken ? ['phoenix', ...(subprotocols ?? [])] : (subprotocols ?? null),
  }
}

function resolveDrainer(path: string, options: false | DrainerOptions): Drainer {
  if (options === false) return { ...drainerDefaults, batchSize: Number.MAX_SAFE_INTEGER }
  for (const [name, value] of Object.entries(options)) {
    if (!(Number.isInteger(value) && value > 0))
      throw illegal(path, `drainer.${name}`, value, 'a positive integer')
  }
  return Object.freeze({ ...drainerDefaults, ...options })
}

function illegal(path: string, option: string, given: unknown, legal: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `socket ${path}: ${option} is ${legal}, not ${String(given)}`)
}
