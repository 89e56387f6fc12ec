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
import type { Limits } from '../limits/config.ts'
import { type Drainer, type DrainerOptions, drainerDefaults } from '../limits/drainer.ts'
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
import { type CheckOrigin, compileOrigin, type OriginCheck, originRule } from './origin.ts'

/** How a socket is served over WebSocket. */
export type WebSocketOptions = {
  /** Last part of the path. Default: `/websocket`. */
  readonly path?: string
  /** Milliseconds without a byte from the client after which the connection is closed. Default: 60,000. */
  readonly timeout?: number
  /**
   * Milliseconds in which a message must be complete, counted from its first byte; then closed with 1002.
   * Default: 30,000.
   */
  readonly messageTimeout?: number
  /** Bytes of the largest message, in one frame or several; above it closed with 1009. Default: 1,048,576. */
  readonly maxFrameSize?: number
  /**
   * Bytes that may wait to be sent, in addition to the largest frame; above it the client is closed with
   * 1013. Default: 1,048,576.
   */
  readonly maxBufferedBytes?: number
  /** Frames that may wait to be sent; above it the client is closed with 1013. Default: 4,096. */
  readonly maxBufferedFrames?: number
  /** Close a client that reads too slowly, or drop the frames that do not fit. Default: `'close'`. */
  readonly slowConsumer?: 'close' | 'drop'
  /** Offer permessage-deflate, which costs memory and CPU time. Default: false. */
  readonly compress?: boolean
  /** Accepted sub-protocols, the preferred one first. Default: none is checked, none is chosen. */
  readonly subprotocols?: readonly string[]
}

/** How a socket is served over long-poll, for clients that cannot use WebSockets. */
export type LongPollOptions = {
  /** Last part of the path. Default: `/longpoll`. */
  readonly path?: string
  /**
   * Milliseconds that a poll waits for messages; a session without a poll for 1.5 times as long ends.
   * Default: 10,000.
   */
  readonly windowMs?: number
  /** Bytes of the largest POST body; above it 400. Default: 8,000,000. */
  readonly maxBodyBytes?: number
  /** Bytes of the largest frame in a POST; above it the session ends. Default: 1,048,576. */
  readonly maxFrameSize?: number
  /** Milliseconds in which the body of a POST must arrive; then 408. Default: 30,000. */
  readonly bodyTimeout?: number
  /** Unread POSTs of a session that may wait for the one before them; above it 429. Default: 32. */
  readonly maxWaitingPosts?: number
  /** Lines of a POST that are read; further lines are dropped. Default: 100. */
  readonly maxLines?: number
  /**
   * Bytes of POSTs that this node may forward to other nodes at a time, at most a quarter of them for one
   * session. Further POSTs wait up to `windowMs`, then 408. Default: 4,194,304.
   */
  readonly maxCarriedBytes?: number
  /**
   * Characters that may wait for the next poll, in addition to the largest message; above it the session
   * ends. Default: 1,048,576.
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
  /** Socket definition, from `defineSocket`. */
  readonly socket: AnySocket
  /** Serve the socket over WebSocket; `false` turns it off. Default: on, with the defaults below. */
  readonly websocket?: false | WebSocketOptions
  /** Serve the socket over long-poll; `true` uses the defaults below. Default: off. */
  readonly longpoll?: boolean | LongPollOptions
  /**
   * Web pages that may connect; `'same-host'` means pages from the host and port of the request. Default:
   * `'same-host'`.
   */
  readonly checkOrigin?: CheckOrigin
  /** Host with which `checkOrigin: true` compares the origin. Default: none. */
  readonly urlHost?: string
  /** Parts of the request that `connect` receives, beside those that the socket lists. Default: none. */
  readonly connectInfo?: readonly ConnectInfoKey[]
  /**
   * Take a token from the sub-protocol or the header `X-Phoenix-AuthToken` and pass it to `connect`. Default:
   * false.
   */
  readonly authToken?: boolean
  /** Chooses the response to a client that `connect` refused. Default: an empty 403. */
  readonly refuse?: (reason: unknown, info: ConnectInfo) => RefusalResponse
  /**
   * How connections are closed when the server stops; `false` closes all at once. Default: on, with the
   * defaults below.
   */
  readonly drainer?: false | DrainerOptions
  /** Limits of the mount's connections; each wins over the plugin's limit of that name. Default: the plugin's. */
  readonly limits?: Partial<ConnectionLimits>
  /** Words that replace the plugin's `filterParameters` for the mount's clients. Default: the plugin's. */
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

const endOfMount = rule(
  'a path such as "/websocket"',
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
  windowMs: positiveInteger,
  maxBodyBytes: positiveInteger,
  maxFrameSize: positiveInteger,
  bodyTimeout: positiveInteger,
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
    urlHost: nonEmptyString,
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
    : faultOf('the result of defineSocket, or an object with it as `socket`', value)
const mountPath = rule(
  'a path that starts with "/"',
  (path) => typeof path === 'string' && path.startsWith('/'),
)

/**
 * Check a mount's options and fill in the defaults, or the options of the plugin.
 * @throws UsageError with `PHX_ERR_OPTION` for an unknown key or an illegal value.
 */
export function resolveMount(
  path: string,
  given: AnySocket | MountOptions,
  plugin: SettingsOptions<Limits> = {},
): Mount {
  checkOption('the path of a mount', path, mountPath)
  // A definition of another kind, or of another copy of the package, is refused as a socket.
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
    refuse: options.refuse ?? (() => FORBIDDEN),
    drainer: resolveDrainer(options.drainer ?? {}),
    settings: resolveSettings(options, plugin),
  })
}

function resolveWebSocket(options: WebSocketOptions, authToken: boolean): Mount['websocket'] {
  const { path, subprotocols, ...others } = options
  return {
    ...withDefaults(webSocketDefaults, others),
    path: endOfPath(path ?? 'websocket'),
    // A client that offers a token offers `phoenix` beside it, so that something can be chosen (AUTH-2).
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
