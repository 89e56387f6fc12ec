import type { Static, TSchema } from 'typebox'
import { callback, checkDefinition, faultOf, nonNegative, object, type Rule } from '../../protocol/check.ts'
import { matchTopic } from '../../protocol/index.ts'
import { madeBy, markMade } from '../../protocol/made.ts'
import { schema } from '../../protocol/schema.ts'
import { type ChannelDefinition, channelDefinition } from '../channel/define-channel.ts'
import { type Check, compile } from '../channel/validate.ts'
import { type LogLevel, logLevel } from '../telemetry/log-level.ts'
import {
  type ConnectInfo,
  type ConnectInfoKey,
  type ConnectInfoWith,
  connectInfoKeys,
} from './connect-info.ts'

/**
 * What `connect` and `refresh` answer: the socket's assigns, and until when they hold, in milliseconds
 * since 1970 (default: as long as the connection), or why the client may not connect.
 */
export type ConnectResult<A> = { readonly ok: A; readonly expiresAt?: number } | { readonly error: unknown }

/** Without `exactOptionalPropertyTypes`, TypeScript adds `undefined` to what it infers from `ok` beside `error`. */
type Assigns<A> = Exclude<A, undefined>

/**
 * How clients connect. `P` is the schema of the connect params, `A` the socket's assigns, `K` the keys of its
 * `connectInfo`.
 */
export type SocketOptions<P extends TSchema, A, K extends ConnectInfoKey = never> = {
  /** The connect params, e.g. `{ token }`; params that do not fit are refused with 403. */
  readonly params?: P
  /** The parts of the request that `connect` is given, beside those that a mount lists; default none. */
  readonly connectInfo?: readonly K[]
  /** May the client connect? `{ ok: assigns }`, or `{ error: reason }` for a 403. */
  connect(params: Static<P>, info: ConnectInfoWith<K>): ConnectResult<A> | Promise<ConnectResult<A>>
  /** Who a fresh token is for; it must give the same socket id. Default: none is taken (AUTH-5). */
  refresh?(
    token: string,
    assigns: NoInfer<Assigns<A>>,
  ): ConnectResult<NoInfer<A>> | Promise<ConnectResult<NoInfer<A>>>
  /** How long before `expiresAt` channels with `auth.refresh` are told, in ms; default 60,000. */
  readonly warnBefore?: number
  /** How loud the log tells of connects; false = not at all; default `'info'`. */
  readonly log?: LogLevel | false
}

/** A channel that a socket routes to, and the assigns that are laid over the socket's. */
export type Route = { readonly definition: ChannelDefinition; readonly assigns: object | null }

const DEFAULT_WARN_BEFORE_MS = 60_000

type Fields<A> = Omit<SocketDefinition<A>, 'id' | 'channel' | 'route'>

/** A socket as data: who may connect, who they are, and which channels they find. */
export class SocketDefinition<A> {
  readonly checkParams: Check | null
  readonly connectInfo: readonly ConnectInfoKey[]
  readonly connect: (params: unknown, info: ConnectInfo) => unknown
  readonly refresh: ((token: string, assigns: unknown) => unknown) | null
  readonly warnBefore: number
  readonly log: LogLevel | false
  readonly identify: ((assigns: A) => unknown) | null
  readonly routes: readonly Route[]

  constructor(fields: Fields<A>) {
    this.checkParams = fields.checkParams
    this.connectInfo = fields.connectInfo
    this.connect = fields.connect
    this.refresh = fields.refresh
    this.warnBefore = fields.warnBefore
    this.log = fields.log
    this.identify = fields.identify
    this.routes = fields.routes
    markMade(DEFINE_SOCKET, this)
  }

  /**
   * A copy whose sockets have an id, by which `endpoint.disconnect(id)` closes them (ID-1).
   * @throws UsageError with `PHX_ERR_DEFINITION` when `identify` is no function.
   */
  id(identify: (assigns: A) => string | null): SocketDefinition<A> {
    checkDefinition('the argument of socket.id()', identify, callback)
    return new SocketDefinition({ ...this, identify })
  }

  /**
   * A copy that also routes to a channel; the first route whose pattern fits a topic wins (TOPIC-3).
   * @throws UsageError with `PHX_ERR_DEFINITION` when `definition` is not the result of `defineChannel`.
   */
  channel<R extends object = Record<never, never>>(
    // R is what the options add, not what the channel would like.
    definition: ChannelDefinition<A & NoInfer<R>>,
    options: { readonly assigns?: R } = {},
  ): SocketDefinition<A> {
    checkDefinition('the argument of socket.channel()', definition, channelDefinition)
    checkDefinition(`the options of socket.channel("${definition.pattern.pattern}")`, options, routeOptions)
    // The signature has checked that the socket's assigns are what the channel's factory takes.
    const route = Object.freeze({
      definition: definition as ChannelDefinition,
      assigns: options.assigns ?? null,
    })
    return new SocketDefinition({ ...this, routes: Object.freeze([...this.routes, route]) })
  }

  /** The channel for a topic, or null. */
  route(topic: string): Route | null {
    for (const route of this.routes) if (matchTopic(route.definition.pattern, topic)) return route
    return null
  }
}

const DEFINE_SOCKET = 'defineSocket'

/** What `defineSocket` returned. */
export const socketDefinition: Rule = madeBy(DEFINE_SOCKET)

const socketOptions = object<SocketOptions<TSchema, unknown>>(
  {
    params: schema,
    connectInfo: connectInfoKeys,
    connect: callback,
    refresh: callback,
    warnBefore: nonNegative,
    log: logLevel,
  },
  ['connect'],
)

const routeOptions = object<{ readonly assigns?: object }>({ assigns })

/** Any object: its keys are the application's. */
function assigns(value: unknown): ReturnType<Rule> {
  return typeof value === 'object' && value !== null ? null : faultOf('an object', value)
}

/** A socket definition, whatever its assigns are. */
export type AnySocket = Pick<
  SocketDefinition<never>,
  | 'checkParams'
  | 'connect'
  | 'connectInfo'
  | 'identify'
  | 'log'
  | 'refresh'
  | 'routes'
  | 'route'
  | 'warnBefore'
>

/**
 * Define who may connect; add `.id()` and `.channel()` to the result.
 * @throws UsageError with `PHX_ERR_DEFINITION` without `connect`, for an unknown key and for an illegal value.
 */
export function defineSocket<
  P extends TSchema = TSchema,
  A = Record<never, never>,
  K extends ConnectInfoKey = never,
>(options: SocketOptions<P, A, K>): SocketDefinition<Assigns<A>> {
  checkDefinition('socket', options, socketOptions)
  return new SocketDefinition<Assigns<A>>({
    checkParams: compile(options.params, 'socket: the params'),
    connectInfo: Object.freeze([...(options.connectInfo ?? [])]),
    // Params reach it only after the check of their schema, and the info has at least the keys above.
    connect: options.connect as (params: unknown, info: ConnectInfo) => unknown,
    // It is given the assigns that its own connect or refresh returned.
    refresh: (options.refresh as ((token: string, assigns: unknown) => unknown) | undefined) ?? null,
    warnBefore: options.warnBefore ?? DEFAULT_WARN_BEFORE_MS,
    log: options.log ?? 'info',
    identify: null,
    routes: Object.freeze([]),
  })
}
