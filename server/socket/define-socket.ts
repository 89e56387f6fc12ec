import type { Static, TSchema } from 'typebox'
import { callback, checkDefinition, faultOf, nonNegative, object, type Rule } from '../../protocol/check.ts'
import { matchTopic, type TopicPattern } from '../../protocol/index.ts'
import { madeBy, markMade } from '../../protocol/made.ts'
import { schema } from '../../protocol/schema.ts'
import { type ChannelDefinition, channelDefinition } from '../channel/define-channel.ts'
import { type Check, compile } from '../channel/validate.ts'
import { UsageError } from '../errors.ts'
import { type LogLevel, logLevel } from '../telemetry/log-level.ts'
import {
  type ConnectInfo,
  type ConnectInfoKey,
  type ConnectInfoWith,
  connectInfoKeys,
} from './connect-info.ts'

/**
 * Result of `connect` and `refresh`: the socket's assigns, or the error with which the client is refused. `expiresAt`
 * is the time at which the assigns expire, in milliseconds since 1970 (default: never).
 */
export type ConnectResult<A> = { readonly ok: A; readonly expiresAt?: number } | { readonly error: unknown }

/** The type `A` without `undefined`, which TypeScript may add when it infers `A` from the result of `connect`. */
export type Assigns<A> = Exclude<A, undefined>

/**
 * Options of {@link defineSocket}. `P` is the schema of the connect params, `A` the socket's assigns, `K` the keys of
 * its `connectInfo`.
 */
export type SocketOptions<P extends TSchema, A, K extends ConnectInfoKey = never> = {
  /** Schema of the connect params, e.g. of `{ token }`. Clients whose params do not match are refused with 403. */
  readonly params?: P
  /** Keys of the request data that is passed to `connect`. A mount can add further keys. Default: none. */
  readonly connectInfo?: readonly K[]
  /** Decides whether a client may connect. Returns `{ ok: assigns }`, or `{ error: reason }` for a 403. */
  connect(params: Static<P>, info: ConnectInfoWith<K>): ConnectResult<A> | Promise<ConnectResult<A>>
  /** Verifies a fresh token, which must yield the same socket id. Default: tokens cannot be refreshed (AUTH-5). */
  refresh?(
    token: string,
    assigns: NoInfer<Assigns<A>>,
  ): ConnectResult<NoInfer<A>> | Promise<ConnectResult<NoInfer<A>>>
  /** Clients of channels with `auth.refresh` are warned this many milliseconds before `expiresAt`. Default: 60,000. */
  readonly warnBefore?: number
  /** Level of the log line `socket connected`; false turns the line off. Default: `'info'`. */
  readonly log?: LogLevel | false
}

/** Channel that a socket routes to, and the assigns that override the socket's assigns. */
export type Route = { readonly definition: ChannelDefinition; readonly assigns: object | null }

const DEFAULT_WARN_BEFORE_MS = 60_000

/** Fields of a socket definition, without its methods. */
export type SocketFields<A> = Omit<SocketDefinition<A>, 'id' | 'channel' | 'route'>

/** Definition of a socket: its `connect`, its ids and its channels. */
export class SocketDefinition<A> {
  readonly checkParams: Check | null
  readonly connectInfo: readonly ConnectInfoKey[]
  readonly connect: (params: unknown, info: ConnectInfo) => unknown
  readonly refresh: ((token: string, assigns: unknown) => unknown) | null
  readonly warnBefore: number
  readonly log: LogLevel | false
  readonly identify: ((assigns: A) => unknown) | null
  readonly routes: readonly Route[]

  constructor(fields: SocketFields<A>) {
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
   * Return a copy whose sockets have an id. `endpoint.disconnect(id)` closes all sockets with this id (ID-1).
   * @throws UsageError with `PHX_ERR_DEFINITION` when `identify` is not a function.
   */
  id(identify: (assigns: A) => string | null): SocketDefinition<A> {
    checkDefinition('the argument of socket.id()', identify, callback)
    return new SocketDefinition({ ...this, identify })
  }

  /**
   * Return a copy that also routes topics to the channel `definition`. The first route whose pattern matches a topic
   * wins (TOPIC-3).
   * @throws UsageError with `PHX_ERR_DEFINITION` when `definition` is not the result of `defineChannel`, or when the
   * pattern of an earlier route matches all topics of this channel.
   */
  channel<R extends object = Record<never, never>>(
    // `NoInfer`: R is inferred from the options alone, not from the channel.
    definition: ChannelDefinition<A & NoInfer<R>>,
    options: { readonly assigns?: R } = {},
  ): SocketDefinition<A> {
    checkDefinition('the first argument of socket.channel()', definition, channelDefinition)
    const { pattern } = definition.pattern
    checkDefinition(`the second argument of socket.channel() for "${pattern}"`, options, routeOptions)
    const earlier = this.routes.find((route) => covers(route.definition.pattern, definition.pattern))
    if (earlier !== undefined) {
      throw new UsageError(
        'PHX_ERR_DEFINITION',
        `socket.channel(): no topic can reach channel "${pattern}", because channel ` +
          `"${earlier.definition.pattern.pattern}", which was added earlier, matches all topics of "${pattern}"`,
      )
    }
    // The cast is safe: the signature ensures that the channel accepts the socket's assigns.
    const route = Object.freeze({
      definition: definition as ChannelDefinition,
      assigns: options.assigns ?? null,
    })
    return new SocketDefinition({ ...this, routes: Object.freeze([...this.routes, route]) })
  }

  /** Route of a topic; null if no route matches the topic. */
  route(topic: string): Route | null {
    for (const route of this.routes) if (matchTopic(route.definition.pattern, topic)) return route
    return null
  }
}

/** Whether `pattern` matches all topics that `other` matches. */
function covers(pattern: TopicPattern, other: TopicPattern): boolean {
  return pattern.isWildcard ? other.prefix.startsWith(pattern.prefix) : pattern.pattern === other.pattern
}

const DEFINE_SOCKET = 'defineSocket'

/** Rule that accepts only results of `defineSocket`. */
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

/** Rule that accepts any object, because the application chooses the keys of its assigns. */
function assigns(value: unknown): ReturnType<Rule> {
  return typeof value === 'object' && value !== null ? null : faultOf('an object', value)
}

/**
 * Create the check of the connect params. If the schema does not mention `vsn`, the param `vsn` is removed before the
 * check. Every client sends `vsn`, so a schema with `additionalProperties: false` would refuse all clients.
 */
function paramsCheck(schema: TSchema | undefined): Check | null {
  const check = compile(schema, 'socket: `params`')
  if (check === null || Object.hasOwn(Object(Object(schema).properties), 'vsn')) return check
  return (params) => {
    const { vsn: _vsn, ...own } = Object(params)
    return check(own)
  }
}

/** Socket definition with any assigns. */
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
 * Define a socket. Call `.id()` and `.channel()` on the result to add an id and channels.
 * @throws UsageError with `PHX_ERR_DEFINITION` if `connect` is missing, a key is unknown or a value is invalid.
 */
export function defineSocket<
  P extends TSchema = TSchema,
  A = Record<never, never>,
  K extends ConnectInfoKey = never,
>(options: SocketOptions<P, A, K>): SocketDefinition<Assigns<A>> {
  checkDefinition('socket', options, socketOptions)
  return new SocketDefinition<Assigns<A>>({
    checkParams: paramsCheck(options.params),
    connectInfo: Object.freeze([...(options.connectInfo ?? [])]),
    // The cast is safe: the params are checked before the call, and the info has at least the keys of `connectInfo`.
    connect: options.connect as (params: unknown, info: ConnectInfo) => unknown,
    // The cast is safe: `refresh` receives only assigns that the socket's own `connect` or `refresh` returned.
    refresh: (options.refresh as ((token: string, assigns: unknown) => unknown) | undefined) ?? null,
    warnBefore: options.warnBefore ?? DEFAULT_WARN_BEFORE_MS,
    log: options.log ?? 'info',
    identify: null,
    routes: Object.freeze([]),
  })
}
