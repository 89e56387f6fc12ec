import type { Limits } from '../config.ts'
import { type Drainer, type DrainerOptions, drainerDefaults } from '../drainer.ts'
import { UsageError } from '../errors.ts'
import { type ConnectInfo, type ConnectInfoKey, checkConnectInfoKeys } from '../socket/connect-info.ts'
import {
  type ConnectionLimits,
  type ConnectionSettings,
  resolveSettings,
  type SettingsOptions,
} from '../socket/connection-settings.ts'
import { type AnySocket, SocketDefinition } from '../socket/define-socket.ts'
import { type CheckOrigin, compileOrigin, type OriginCheck } from './origin.ts'

/** How a socket is served over WebSocket. */
export type WebSocketOptions = {
  /** The end of its path; default `/websocket`. */
  readonly path?: string
  /** Close after so many milliseconds without a byte from the client; default 60,000. */
  readonly timeout?: number
  /** Milliseconds in which a message must be complete, from its first byte; then 1002; default 30,000. */
  readonly messageTimeout?: number
  /** Bytes of the largest message, in one frame or in many; above it 1009; default 1,048,576. */
  readonly maxFrameSize?: number
  /**
   * Bytes that may wait to be sent beside the largest frame; a client that reads too slowly gets 1013;
   * default 1,048,576.
   */
  readonly maxBufferedBytes?: number
  /** Frames that may wait so; default 4,096. */
  readonly maxBufferedFrames?: number
  /** Close a client that reads too slowly, or drop the frames that do not fit; default `'close'`. */
  readonly slowConsumer?: 'close' | 'drop'
  /** Offer permessage-deflate; default false: it costs memory and time. */
  readonly compress?: boolean
  /** Sub-protocols, the preferred one first; default: none is checked, none is chosen. */
  readonly subprotocols?: readonly string[]
}

/** How a socket is served over long-poll, for clients that cannot use WebSockets. */
export type LongPollOptions = {
  /** The end of its path; default `/longpoll`. */
  readonly path?: string
  /** Milliseconds that a poll waits; a client that begins none for one and a half has gone; default 10,000. */
  readonly windowMs?: number
  /** Bytes of the largest POST; above it 400; default 8,000,000. */
  readonly maxBodyBytes?: number
  /** Bytes of the largest frame in a POST; above it the session ends; default 1,048,576. */
  readonly maxFrameSize?: number
  /** Milliseconds in which the body of a POST has to come, once it is read; then 408; default 30,000. */
  readonly bodyTimeout?: number
  /** POSTs of a session that wait, unread, for the one before them; above it 429; default 32. */
  readonly maxWaitingPosts?: number
  /** Lines of a POST that are read, the rest is dropped; default 100. */
  readonly maxLines?: number
  /**
   * Bytes of POSTs that this node carries to other nodes at a time, a quarter of them of one session; further
   * POSTs wait for at most `windowMs`, then 408; default 4,194,304.
   */
  readonly maxCarriedBytes?: number
  /**
   * Characters that may wait for the next poll beside the largest message; above it the session ends;
   * default 1,048,576.
   */
  readonly maxBufferedBytes?: number
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
  /** Default: off; `true` is on, with its defaults. */
  readonly longpoll?: boolean | LongPollOptions
  /** Which web pages may connect; default `'same-host'`, the pages of the host and port of the request. */
  readonly checkOrigin?: CheckOrigin
  /** The host that `checkOrigin: true` compares with. */
  readonly urlHost?: string
  /** The parts of the request that `connect` is given, beside those that the socket lists; default none. */
  readonly connectInfo?: readonly ConnectInfoKey[]
  /** Take a token from the sub-protocol or the X-Phoenix-AuthToken header; default false. */
  readonly authToken?: boolean
  /** Chooses the answer to a client that `connect` refused; default an empty 403. */
  readonly refuse?: (reason: unknown, info: ConnectInfo) => RefusalResponse
  /** How its connections are closed when the server stops; false = all at once. */
  readonly drainer?: false | DrainerOptions
  /** Limits of its connections; each wins over the plugin's of that name, which is the default. */
  readonly limits?: Partial<ConnectionLimits>
  /** Words in place of the plugin's `filterParameters`, for what its clients send; default: the plugin's. */
  readonly filterParameters?: readonly string[]
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
  readonly longpoll: Required<LongPollOptions> | null
  readonly checkOrigin: OriginCheck
  readonly connectInfo: readonly ConnectInfoKey[]
  readonly authToken: boolean
  readonly refuse: (reason: unknown, info: ConnectInfo) => RefusalResponse
  readonly drainer: Drainer
  readonly settings: ConnectionSettings
}

const FORBIDDEN: RefusalResponse = Object.freeze({ status: 403 })

/** Check a mount's options and fill in the defaults, or those of the plugin. @throws UsageError when one is illegal. */
export function resolveMount(
  path: string,
  given: AnySocket | MountOptions,
  plugin: SettingsOptions<Limits> = {},
): Mount {
  // Plain JavaScript may give anything; what is no object has no socket either.
  const options: MountOptions = given instanceof SocketDefinition ? { socket: given } : Object(given)
  if (!path.startsWith('/')) throw illegal(path, 'path', path, 'one that begins with /')
  if (!(options.socket instanceof SocketDefinition))
    throw illegal(path, 'socket', options.socket, 'what defineSocket returns')
  const { authToken = false, websocket = {}, longpoll = false } = options
  const { connectInfo = [] } = options
  checkConnectInfoKeys(connectInfo)
  const keys = new Set([...options.socket.connectInfo, ...connectInfo])
  if (authToken) keys.add('authToken')
  return Object.freeze({
    path: path.replace(/\/+$/, ''),
    socket: options.socket,
    websocket: websocket === false ? null : resolveWebSocket(path, websocket, authToken),
    longpoll: longpoll === false ? null : resolveLongPoll(path, longpoll === true ? {} : longpoll),
    checkOrigin: compileOrigin(options.checkOrigin ?? 'same-host', options.urlHost ?? null),
    connectInfo: [...keys],
    authToken,
    refuse: options.refuse ?? (() => FORBIDDEN),
    drainer: resolveDrainer(path, options.drainer ?? {}),
    settings: resolveSettings(path, options, plugin),
  })
}

function resolveWebSocket(path: string, options: WebSocketOptions, authToken: boolean): Mount['websocket'] {
  const { timeout = 60_000, messageTimeout = 30_000, maxFrameSize = 1_048_576 } = options
  const { maxBufferedBytes = 1_048_576, maxBufferedFrames = 4_096 } = options
  const times = positive(path, 'websocket', { timeout, messageTimeout })
  const limits = positive(path, 'websocket', { maxFrameSize, maxBufferedBytes, maxBufferedFrames })
  const { subprotocols, slowConsumer = 'close' } = options
  if (slowConsumer !== 'close' && slowConsumer !== 'drop') {
    throw illegal(path, 'websocket.slowConsumer', slowConsumer, "'close' or 'drop'")
  }
  return {
    ...times,
    ...limits,
    slowConsumer,
    path: endOfPath(options.path ?? 'websocket'),
    compress: options.compress ?? false,
    // A client that offers a token offers `phoenix` beside it, so that something can be chosen (AUTH-2).
    subprotocols: authToken ? ['phoenix', ...(subprotocols ?? [])] : (subprotocols ?? null),
  }
}

function resolveLongPoll(path: string, options: LongPollOptions): Required<LongPollOptions> {
  const {
    windowMs = 10_000,
    maxBodyBytes = 8_000_000,
    maxFrameSize = 1_048_576,
    bodyTimeout = 30_000,
    maxWaitingPosts = 32,
    maxLines = 100,
    maxCarriedBytes = 4_194_304,
    maxBufferedBytes = 1_048_576,
  } = options
  const reading = { maxBodyBytes, bodyTimeout, maxWaitingPosts, maxFrameSize, maxLines }
  const limits = positive(path, 'longpoll', { windowMs, ...reading, maxCarriedBytes, maxBufferedBytes })
  return { ...limits, path: endOfPath(options.path ?? 'longpoll') }
}

function resolveDrainer(path: string, options: false | DrainerOptions): Drainer {
  if (options === false) return { ...drainerDefaults, batchSize: Number.MAX_SAFE_INTEGER }
  return Object.freeze({ ...drainerDefaults, ...positive(path, 'drainer', options) })
}

function positive<T extends object>(path: string, group: string, values: T): T {
  for (const [name, value] of Object.entries(values)) {
    if (!(Number.isInteger(value) && value > 0))
      throw illegal(path, `${group}.${name}`, value, 'a positive integer')
  }
  return values
}

function endOfPath(path: string): string {
  return `/${path.replace(/^\/+/, '')}`
}

function illegal(path: string, option: string, given: unknown, legal: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `socket ${path}: ${option} is ${legal}, not ${String(given)}`)
}
