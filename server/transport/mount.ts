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
import { type Drainer, type DrainerOptions, drainerDefaults } from '../drainer.ts'
import { type ConnectInfo, type ConnectInfoKey, connectInfoKeys } from '../socket/connect-info.ts'
import { type AnySocket, socketDefinition } from '../socket/define-socket.ts'
import { type CheckOrigin, compileOrigin, type OriginCheck, originRule } from './origin.ts'

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
  readonly longpoll: Required<LongPollOptions> | null
  readonly checkOrigin: OriginCheck
  readonly connectInfo: readonly ConnectInfoKey[]
  readonly authToken: boolean
  readonly refuse: (reason: unknown, info: ConnectInfo) => RefusalResponse
  readonly drainer: Drainer
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
 * Check a mount's options and fill in the defaults.
 * @throws UsageError with `PHX_ERR_OPTION` for an unknown key or an illegal value.
 */
export function resolveMount(path: string, given: AnySocket | MountOptions): Mount {
  checkOption('the path of a mount', path, mountPath)
  // A definition of another kind, or of another copy of the package, is refused as a socket.
  const options: MountOptions = isMade(given) ? { socket: given as AnySocket } : (given as MountOptions)
  checkOption(`mount "${path}"`, options, mountOptions)
  const { authToken = false, websocket = {}, longpoll = false } = options
  const keys = options.connectInfo ?? []
  return Object.freeze({
    path: path.replace(/\/+$/, ''),
    socket: options.socket,
    websocket: websocket === false ? null : resolveWebSocket(websocket, authToken),
    longpoll: longpoll === false ? null : resolveLongPoll(longpoll === true ? {} : longpoll),
    checkOrigin: compileOrigin(options.checkOrigin ?? 'same-host', options.urlHost ?? null),
    connectInfo: authToken && !keys.includes('authToken') ? [...keys, 'authToken' as const] : keys,
    authToken,
    refuse: options.refuse ?? (() => FORBIDDEN),
    drainer: resolveDrainer(options.drainer ?? {}),
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
