import {
  boolean,
  callback,
  checkOption,
  faultOf,
  list,
  nonEmptyString,
  object,
  oneOf,
  oneOfOr,
  positiveInteger,
  type Rule,
  rule,
  withDefaults,
} from '../../protocol/check.ts'
import { isMade } from '../../protocol/made.ts'
import { shown } from '../../protocol/shown.ts'
import type { Limits } from '../limits/config.ts'
import { type Drainer, type DrainerOptions, drainerDefaults } from '../limits/drainer.ts'
import { timeLimit } from '../runtime/delay.ts'
import { type ConnectInfo, type ConnectInfoKey, connectInfoKeys } from '../socket/connect-info.ts'
import {
  type ConnectionLimits,
  type ConnectionSettings,
  connectionLimits,
  resolveSettings,
  type SettingsOptions,
} from '../socket/connection-settings.ts'
import { type AnySocket, socketDefinition } from '../socket/define-socket.ts'
import { filterRule } from '../telemetry/filter-parameters.ts'
import { type CheckOrigin, compileOrigin, type OriginCheck, originRule, urlHostRule } from './origin.ts'

/** Options of a mount's WebSocket transport: path, timeouts, limits and features. All have defaults. */
export type WebSocketOptions = {
  /** Last part of the path. Default: `/websocket`. */
  readonly path?: string
  /** Milliseconds until a connection is closed if no byte arrives from the client. Default: 60,000. */
  readonly timeout?: number
  /**
   * Milliseconds in which a message must be complete, counted from its first byte. If a message takes longer, the
   * connection is closed with 1002. Default: 30,000.
   */
  readonly messageTimeout?: number
  /**
   * Maximum size of a message, in bytes, whether it consists of one frame or several. A larger message closes the
   * connection with 1009. Default: 1,048,576.
   */
  readonly maxFrameSize?: number
  /**
   * Maximum number of bytes queued to be sent. The bytes of the largest queued frame are not counted. `slowConsumer`
   * sets what happens above the maximum. Default: 1,048,576.
   */
  readonly maxBufferedBytes?: number
  /**
   * Maximum number of frames queued to be sent. Not checked if compression is negotiated. `slowConsumer` sets what
   * happens above the maximum. Default: 4,096.
   */
  readonly maxBufferedFrames?: number
  /**
   * Policy for a client whose queue of unsent frames is full: `'close'` closes its connection with 1013, `'drop'` drops
   * new frames. Broadcasts to a client that asked for recovery are never dropped: they close the connection. Default:
   * `'close'`.
   */
  readonly slowConsumer?: 'close' | 'drop'
  /** Offer permessage-deflate, which costs memory and CPU time. Default: false. */
  readonly compress?: boolean
  /** Accepted sub-protocols, the preferred one first. Default: sub-protocols are ignored. */
  readonly subprotocols?: readonly string[]
}

/** Options of the long-poll transport, for clients that cannot use WebSockets. */
export type LongPollOptions = {
  /** Last part of the path. Default: `/longpoll`. */
  readonly path?: string
  /**
   * Maximum time that a poll waits for messages, in milliseconds. A session ends if no poll arrives for 1.5 times this
   * time. Default: 10,000.
   */
  readonly windowMs?: number
  /** Maximum size of a POST body, in bytes. A larger body gets 400. Default: 8,000,000. */
  readonly maxBodyBytes?: number
  /** Maximum size of a frame in a POST, in bytes. A larger frame ends the session. Default: 1,048,576. */
  readonly maxFrameSize?: number
  /** Milliseconds in which the body of a POST must arrive. A slower body gets 408. Default: 30,000. */
  readonly bodyTimeout?: number
  /**
   * Maximum number of POSTs of one session that wait until earlier POSTs are handled. Further POSTs get 429.
   * Default: 32.
   */
  readonly maxWaitingPosts?: number
  /** Maximum number of lines of a POST. Further lines are dropped. Default: 100. */
  readonly maxLines?: number
  /**
   * Maximum total size, in bytes, of the POSTs that this node is forwarding to other nodes. Further POSTs wait up to
   * `windowMs` and then get 408. Default: 4,194,304.
   */
  readonly maxCarriedBytes?: number
  /**
   * Maximum number of characters (not bytes) queued for the next poll. The characters of the largest queued message are
   * not counted. A session that exceeds the maximum ends. Default: 1,048,576.
   */
  readonly maxBufferedBytes?: number
}

/**
 * Response to a refused client. If `status` is given, the client gets this HTTP response. If `close` is given, the
 * WebSocket is opened and immediately closed with this code and reason, which the client can read.
 */
export type RefusalResponse =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly close: number; readonly reason?: string }

/** Socket and the options with which it is served. */
export type MountOptions = {
  /** Socket definition, from `defineSocket`. */
  readonly socket: AnySocket
  /**
   * Serve the socket over WebSocket; `false` turns WebSocket off. Default: on, with the defaults of `WebSocketOptions`.
   */
  readonly websocket?: false | WebSocketOptions
  /** Serve the socket over long-poll; `true` uses the defaults of `LongPollOptions`. Default: off. */
  readonly longpoll?: boolean | LongPollOptions
  /**
   * Origins of web pages that are allowed to connect; `'same-host'` allows pages from the host and port of the request.
   * Default: `'same-host'`.
   */
  readonly checkOrigin?: CheckOrigin
  /** With `checkOrigin: true`, origins must have this host. Default: none. */
  readonly urlHost?: string
  /** Parts of the request that `connect` receives, in addition to the socket's `connectInfo`. Default: none. */
  readonly connectInfo?: readonly ConnectInfoKey[]
  /**
   * Read a token from the sub-protocol or the header `X-Phoenix-AuthToken`, and pass the token to `connect`. Default:
   * false.
   */
  readonly authToken?: boolean
  /** Returns the response to a client that `connect` refused. Default: an empty 403. */
  readonly refuse?: (reason: unknown, info: ConnectInfo) => RefusalResponse
  /**
   * Options for closing connections when the server stops; `false` closes all connections in one batch. Default: on,
   * with the defaults of `DrainerOptions`.
   */
  readonly drainer?: false | DrainerOptions
  /** Limits of the mount's connections; each overrides the plugin's limit of that name. Default: the plugin's. */
  readonly limits?: Partial<ConnectionLimits>
  /** Replaces the plugin's `filterParameters` for the mount's clients. Default: the plugin's. */
  readonly filterParameters?: readonly string[]
}

/** Mount with checked options and all defaults set. */
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

const DEFAULT_REFUSAL: RefusalResponse = Object.freeze({ status: 403 })

const endOfMount = rule(
  'a path such as "/websocket", not only slashes',
  (path) => typeof path === 'string' && /[^/]/.test(path),
)
const webSocketOptions = object<WebSocketOptions>({
  path: endOfMount,
  timeout: positiveInteger,
  messageTimeout: positiveInteger,
  maxFrameSize: positiveInteger,
  maxBufferedBytes: positiveInteger,
  maxBufferedFrames: positiveInteger,
  slowConsumer: oneOf('close', 'drop'),
  compress: boolean,
  subprotocols: list(nonEmptyString),
})
const longPollOptions = object<LongPollOptions>({
  path: endOfMount,
  windowMs: timeLimit,
  maxBodyBytes: positiveInteger,
  maxFrameSize: positiveInteger,
  bodyTimeout: timeLimit,
  maxWaitingPosts: positiveInteger,
  maxLines: positiveInteger,
  maxCarriedBytes: positiveInteger,
  maxBufferedBytes: positiveInteger,
})
const drainerOptions = object<DrainerOptions>({
  batchSize: positiveInteger,
  batchInterval: positiveInteger,
  shutdown: positiveInteger,
})
const optionsOfMount = object<MountOptions>(
  {
    socket: socketDefinition,
    websocket: oneOfOr([false], webSocketOptions),
    longpoll: oneOfOr([true, false], longPollOptions),
    checkOrigin: originRule,
    urlHost: urlHostRule,
    connectInfo: connectInfoKeys,
    authToken: boolean,
    refuse: callback,
    drainer: oneOfOr([false], drainerOptions),
    limits: connectionLimits,
    filterParameters: filterRule,
  },
  ['socket'],
)
const mountOptions: Rule = (value) =>
  typeof value === 'object' && value !== null
    ? optionsOfMount(value)
    : faultOf('the result of defineSocket, or an object { socket: defineSocket(...) }', value)
const mountPath: Rule = (path) => {
  if (typeof path !== 'string' || !path.startsWith('/')) {
    return { path: '', words: `must start with "/" (got ${shown(path)})` }
  }
  const [, mounted, transport] = TRANSPORT_PATH.exec(path) ?? []
  if (transport === undefined) return null
  return faultOf(`${shown(mounted || '/')}, because clients append "${transport}" to the mount path`, path)
}
/** Mount path that wrongly ends with the path of a transport. Clients append the transport's path themselves. */
const TRANSPORT_PATH = /^(.*?)(\/websocket|\/longpoll)\/*$/

/**
 * Check a mount's options. Missing limits and filters come from `plugin`; other missing options get their defaults.
 * @throws UsageError with `PHX_ERR_OPTION` for an unknown key or an illegal value.
 */
export function resolveMount(
  path: string,
  given: AnySocket | MountOptions,
  plugin: SettingsOptions<Limits> = {},
): Mount {
  checkOption('mount path', path, mountPath)
  // The casts are safe: `checkOption` refuses wrong options, for example a `socket` from `defineChannel`.
  const options: MountOptions = isMade(given) ? { socket: given as AnySocket } : (given as MountOptions)
  checkOption(`mount "${path}"`, options, mountOptions)
  const { authToken = false, websocket = {}, longpoll = false } = options
  const { connectInfo = [] } = options
  const keys = new Set([...options.socket.connectInfo, ...connectInfo])
  if (authToken) keys.add('authToken')
  return Object.freeze({
    path: path.replace(/\/+$/, ''),
    socket: options.socket,
    websocket: websocket === false ? null : resolveWebSocket(websocket, authToken),
    longpoll: longpoll === false ? null : resolveLongPoll(longpoll === true ? {} : longpoll),
    checkOrigin: compileOrigin(options.checkOrigin ?? 'same-host', options.urlHost ?? null),
    connectInfo: [...keys],
    authToken,
    refuse: options.refuse ?? (() => DEFAULT_REFUSAL),
    drainer: resolveDrainer(options.drainer ?? {}),
    settings: resolveSettings(options, plugin),
  })
}

function resolveWebSocket(options: WebSocketOptions, authToken: boolean): Mount['websocket'] {
  const { path, subprotocols, ...others } = options
  return {
    ...withDefaults(webSocketDefaults, others),
    path: endOfPath(path ?? 'websocket'),
    // Accept `phoenix` too. A client that offers a token as a sub-protocol also offers `phoenix`, and the server
    // chooses `phoenix` (AUTH-2).
    subprotocols: authToken ? ['phoenix', ...(subprotocols ?? [])] : (subprotocols ?? null),
  }
}

const webSocketDefaults = {
  timeout: 60_000,
  messageTimeout: 30_000,
  maxFrameSize: 1_048_576,
  maxBufferedBytes: 1_048_576,
  maxBufferedFrames: 4_096,
  slowConsumer: 'close',
  compress: false,
} as const

function resolveLongPoll({ path, ...others }: LongPollOptions): Required<LongPollOptions> {
  return { ...withDefaults(longPollDefaults, others), path: endOfPath(path ?? 'longpoll') }
}

const longPollDefaults = {
  windowMs: 10_000,
  maxBodyBytes: 8_000_000,
  maxFrameSize: 1_048_576,
  bodyTimeout: 30_000,
  maxWaitingPosts: 32,
  maxLines: 100,
  maxCarriedBytes: 4_194_304,
  maxBufferedBytes: 1_048_576,
}

function resolveDrainer(options: false | DrainerOptions): Drainer {
  if (options === false) return { ...drainerDefaults, batchSize: Number.MAX_SAFE_INTEGER }
  return Object.freeze(withDefaults(drainerDefaults, options))
}

function endOfPath(path: string): string {
  return `/${path.replace(/^\/+/, '')}`
}
