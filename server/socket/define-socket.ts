import type { Static, TSchema } from 'typebox'
import { matchTopic } from '../../protocol/index.ts'
import type { ChannelDefinition } from '../channel/define-channel.ts'
import { type Check, compile } from '../channel/validate.ts'
import { UsageError } from '../errors.ts'
import type { ConnectInfo } from './connect-info.ts'

/** What `connect` answers: the socket's assigns, or why the client may not connect. */
export type ConnectResult<A> = { readonly ok: A } | { readonly error: unknown }

/** How clients connect. `P` is the schema of the connect params, `A` the socket's assigns. */
export type SocketOptions<P extends TSchema, A> = {
  /** The connect params, e.g. `{ token }`; params that do not fit are refused with 403. */
  readonly params?: P
  /** May the client connect? `{ ok: assigns }`, or `{ error: reason }` for a 403. */
  connect(params: Static<P>, info: ConnectInfo): ConnectResult<A> | Promise<ConnectResult<A>>
}

/** A channel that a socket routes to, and the assigns that are laid over the socket's. */
export type Route = { readonly definition: ChannelDefinition; readonly assigns: object | null }

/** A socket as data: who may connect, who they are, and which channels they find. */
export class SocketDefinition<A> {
  readonly checkParams: Check | null
  readonly connect: (params: unknown, info: ConnectInfo) => unknown
  readonly identify: ((assigns: A) => unknown) | null
  readonly routes: readonly Route[]

  constructor(fields: Pick<SocketDefinition<A>, 'checkParams' | 'connect' | 'identify' | 'routes'>) {
    this.checkParams = fields.checkParams
    this.connect = fields.connect
    this.identify = fields.identify
    this.routes = fields.routes
    Object.freeze(this)
  }

  /** A copy whose sockets have an id, by which `endpoint.disconnect(id)` closes them (ID-1). */
  id(identify: (assigns: A) => string | null): SocketDefinition<A> {
    return new SocketDefinition({ ...this, identify })
  }

  /** A copy that also routes to a channel; the first route whose pattern fits a topic wins (TOPIC-3). */
  channel<R extends object = Record<never, never>>(
    // R is what the options add, not what the channel would like.
    definition: ChannelDefinition<A & NoInfer<R>>,
    options: { readonly assigns?: R } = {},
  ): SocketDefinition<A> {
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

/** A socket definition, whatever its assigns are. */
export type AnySocket = Pick<
  SocketDefinition<never>,
  'checkParams' | 'connect' | 'identify' | 'routes' | 'route'
>

/** Define who may connect; add `.id()` and `.channel()` to the result. @throws UsageError without `connect`. */
export function defineSocket<P extends TSchema = TSchema, A = Record<never, never>>(
  options: SocketOptions<P, A>,
): SocketDefinition<A> {
  if (typeof options.connect !== 'function') {
    throw new UsageError('PHX_ERR_DEFINITION', 'a socket has a connect function')
  }
  return new SocketDefinition<A>({
    checkParams: compile(options.params),
    // Params reach it only after the check of their schema.
    connect: options.connect as (params: unknown, info: ConnectInfo) => unknown,
    identify: null,
    routes: Object.freeze([]),
  })
}
