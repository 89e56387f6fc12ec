import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import {
  anything,
  checkOption,
  faultOf,
  nonNegative,
  object,
  type Rule,
  type Rules,
  record,
} from '../protocol/check.ts'
import { EndpointServer } from './endpoint/endpoint.ts'
import type { Endpoint } from './endpoint/endpoint-interface.ts'
import { type EndpointOptions, endpointRules } from './endpoint/endpoint-options.ts'
import { LocalEngine } from './engine/local-engine.ts'
import { CallbackError, UsageError } from './errors.ts'
import { withTimeLimit } from './runtime/time-limit.ts'
import type { AnySocket } from './socket/define-socket.ts'
import { filterRule } from './telemetry/filter-parameters.ts'
import { logTelemetry } from './telemetry/logging.ts'
import { tokenSecret } from './token/token.ts'
import { Capacity } from './transport/capacity.ts'
import { sendStopping } from './transport/exchange.ts'
import { logUnclaimedUpgrade } from './transport/instrumentation.ts'
import { longpoll } from './transport/longpoll.ts'
import { type Mount, type MountOptions, resolveMount } from './transport/mount.ts'
import { Outbox } from './transport/outbox.ts'
import { websocket } from './transport/websocket.ts'
import { hookLimit, onStop } from './upstream/hooks.ts'
import { Http2Sessions } from './upstream/http2-sessions.ts'
import { limitPipelining } from './upstream/pipeline-limit.ts'
import { guardRequests } from './upstream/poll-gate.ts'
import { RouteFinder } from './upstream/route-finder.ts'
import { UpgradeGate } from './upstream/upgrade-gate.ts'

/** Options of `app.register(phoenix, { … })`: the sockets to serve, and the options of the endpoint. */
export type PhoenixOptions = Omit<EndpointOptions, 'logger'> & {
  /** Sockets by their paths: `{ '/socket': UserSocket }`. */
  readonly sockets: Readonly<Record<string, AnySocket | MountOptions>>
  /**
   * Secret of at least 20 bytes that signs long-poll tokens. Must be the same on all nodes. Required for long-poll if
   * the `engine` is not a `LocalEngine`. Default: a random secret.
   */
  readonly secret?: string
  /**
   * Words that mark secrets. The value of a parameter is not logged if its key contains one of these words, in upper or
   * lower case. Nested parameters are included. Default: `password`, `token`, `secret`.
   */
  readonly filterParameters?: readonly string[]
  /**
   * Milliseconds in which a request must arrive, including its body. A slower request is answered 408. 0 disables the
   * limit. Ignored on HTTP/2, and if Fastify's own `requestTimeout` is greater than 0. Default: 300,000.
   */
  readonly requestTimeout?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The endpoint that the plugin `phoenix` runs in this scope. */
    endpoint: Endpoint
  }
  interface FastifyContextConfig {
    /**
     * Whether the route is served while the server drains. Set this to true for health checks. If false, the route
     * answers 503 during the drain. Default: false.
     */
    whileDraining?: boolean
  }
}

/** Maximum time that the start waits until the engine is connected, in milliseconds. */
const CONNECT_WAIT_MS = 1_000
/** Maximum time that the engine may take to stop after the drain, in milliseconds. */
const STOP_LIMIT_MS = 30_000
/** Node's default of `requestTimeout`. Fastify replaces it with 0, which means no limit. */
const REQUEST_TIMEOUT_MS = 300_000

function ofFastify(key: string): string {
  const example = `app.register(async (scope) => scope.register(phoenix, { … }), { ${key}: … })`
  return `an option of Fastify; register phoenix in a scope that has this option: \`${example}\``
}

const sockets: Rule = (value) =>
  byPath(value) === null
    ? null
    : faultOf("a plain object that maps paths to sockets, e.g. { '/socket': UserSocket }", value)
const byPath = record(anything)

/** Rules that check the options of the plugin. The test kit also uses these rules. */
export const phoenixRules: Rules<PhoenixOptions> = {
  ...endpointRules,
  sockets,
  secret: tokenSecret,
  filterParameters: filterRule,
  requestTimeout: nonNegative,
}
const pluginOptions = object<PhoenixOptions>(phoenixRules, ['sockets'], {
  prefix: ofFastify('prefix'),
  logLevel: ofFastify('logLevel'),
  logSerializers: ofFastify('logSerializers'),
  logger: "phoenix uses Fastify's logger; set it in Fastify's options",
})

async function phoenixPlugin(fastify: FastifyInstance, options: PhoenixOptions): Promise<void> {
  checkOption('phoenix', options, pluginOptions)
  const { secret: givenSecret, requestTimeout = REQUEST_TIMEOUT_MS } = options
  checkIsFirst(fastify)
  const { mounts, endpointOptions } = resolveOptions(options)
  const endpoint = new EndpointServer({ ...endpointOptions, logger: fastify.log })
  const isDraining = () => endpoint.isDraining
  const routes = new RouteFinder(fastify)
  const find = (request: IncomingMessage) => routes.find(request)
  const onUnclaimed = (url: string, paths: readonly string[]) => logUnclaimedUpgrade(endpoint, url, paths)
  const gate = new UpgradeGate({ isDraining, find, onUnclaimed })
  const polls = mounts.flatMap(({ path, longpoll }) =>
    longpoll === null ? [] : fastify.prefix + path + longpoll.path,
  )
  const secret = givenSecret ?? privateSecret(endpoint, polls)
  const outbox = new Outbox()
  const capacity = new Capacity(endpoint)
  const http2Sessions = new Http2Sessions(fastify.server, endpoint.limits.maxPipelinedRequests)
  fastify.decorate('endpoint', endpoint)
  const definitions = mounts.map(({ socket }) => socket)
  for (const { definition } of definitions.flatMap(({ routes }) => routes)) endpoint.outgoing?.add(definition)
  const { throttledLog } = endpoint
  const warnsOfUnmatched = endpoint.outgoing !== null
  const logging = { logger: fastify.log, sockets: definitions, throttledLog, warnsOfUnmatched }
  const stopLogging = logTelemetry(endpoint, logging)
  for (const mount of mounts) {
    warnOfMissingChannels(mount, endpoint)
    warnOfUselessRefresh(mount, endpoint)
    const context = { endpoint, capacity, gate, routes, outbox, mount }
    await fastify.register((scope) => websocket(scope, context))
    await fastify.register((scope) => longpoll(scope, { ...context, secret }))
  }
  fastify.addHook('onReady', async () => {
    gate.attach(fastify.server)
    limitRequests(fastify.server, requestTimeout)
    guardRequests(fastify.server, { isDraining, find, polls: new Set(polls) })
    await endpoint.start()
    // Until the engine is connected, broadcasts do not reach other nodes. So do not listen before, but do not wait for an
    // unavailable server for long.
    await withTimeLimit(hookLimit(fastify, CONNECT_WAIT_MS), endpoint.ready, null)
  })
  fastify.addHook('onRequest', limitPipelining(endpoint))
  // Use a callback instead of a promise, because this hook runs for every request of the application.
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!endpoint.isDraining || request.routeOptions.config.whileDraining) return done()
    sendStopping(reply)
  })
  onStop(fastify, async () => {
    const report = (cause: unknown) => endpoint.report(new CallbackError('engine', 'stop', cause))
    // `stop` begins with the drain, and rejects if the drain fails.
    const stopped = endpoint.stop().catch(report)
    await endpoint.drain().catch(() => {})
    gate.end()
    http2Sessions.close()
    const late = `not done within ${STOP_LIMIT_MS / 1_000} s`
    if ((await withTimeLimit(STOP_LIMIT_MS, stopped, late)) === late) report(new Error(late))
    stopLogging()
  })
}

/**
 * Derive the mounts and the endpoint's options from the options of the plugin. The endpoint's option `histories` also
 * gets the contracts of all mounted channels.
 */
export function resolveOptions(options: PhoenixOptions): {
  readonly mounts: readonly Mount[]
  readonly endpointOptions: EndpointOptions
} {
  const { sockets, secret: _secret, filterParameters, requestTimeout: _timeout, ...endpointOptions } = options
  const { limits, histories = [] } = endpointOptions
  const defaults = { limits, filterParameters }
  const mounts = Object.entries(sockets).map(([path, socket]) => resolveMount(path, socket, defaults))
  const contracts = mounts.flatMap(({ socket }) => socket.routes.map(({ definition }) => definition.contract))
  return { mounts, endpointOptions: { ...endpointOptions, histories: [...histories, ...contracts] } }
}

/** @throws UsageError when this scope already has the decorator `endpoint`. */
function checkIsFirst(fastify: FastifyInstance): void {
  // Check only the scope's own decorators. A scope inherits the endpoint of its parent, but can also have its own
  // endpoint.
  if (!Object.hasOwn(fastify, 'endpoint')) return
  throw new UsageError(
    'PHX_ERR_PLUGIN_TWICE',
    fastify.endpoint instanceof EndpointServer
      ? 'phoenix is registered in this scope already; register it once, with all sockets'
      : 'phoenix needs the decorator `endpoint`, which another plugin has taken; register phoenix in a scope of its own',
  )
}

/**
 * Set the server's `requestTimeout`, unless Fastify's option has set a limit. Does nothing for an HTTP/2 server, which
 * has no `requestTimeout`.
 */
function limitRequests(server: Pick<Server, 'headersTimeout' | 'requestTimeout'>, timeout: number): void {
  if (server.requestTimeout === 0) server.requestTimeout = timeout
  // Node limits the whole request by the longer of the two timeouts. So `headersTimeout` must not be the longer one.
  if (server.requestTimeout > 0)
    server.headersTimeout = Math.min(server.headersTimeout, server.requestTimeout)
}

/**
 * Warn of a socket without channels. Its `.channel()` was probably called, but the result, which is a new socket, was
 * not mounted.
 */
function warnOfMissingChannels({ path, socket }: Mount, { logger }: EndpointServer): void {
  if (socket.routes.length > 0) return
  const hint = '`.channel()` does not change the socket; mount the socket that `.channel()` returns'
  logger.warn({ path, hint }, 'socket mounted without channels')
}

/** Warn of channels whose clients can send fresh tokens, if their socket refuses every fresh token (AUTH-5). */
function warnOfUselessRefresh({ path, socket }: Mount, { logger }: EndpointServer): void {
  if (socket.refresh !== null && socket.identify !== null) return
  const channels = socket.routes.filter(({ definition }) => definition.warnEvent !== null)
  if (channels.length === 0) return
  const patterns = channels.map(({ definition }) => definition.pattern.pattern)
  const hint =
    'a channel with `auth.refresh` requires a socket that has the callback `refresh` and an id (`.id(…)`)'
  logger.warn({ path, patterns, hint }, 'socket mounted without token refresh')
}

/** Create a secret for this process alone. @throws UsageError if other nodes must verify the long-poll tokens. */
function privateSecret({ engine }: Endpoint, polls: readonly string[]): string {
  if (polls.length > 0 && !(engine instanceof LocalEngine)) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      'phoenix: `secret` must be set: all nodes that serve long-poll need the same secret of at least 20 bytes',
    )
  }
  return randomBytes(32).toString('base64url')
}

/** The Fastify plugin: `app.register(phoenix, { sockets: { '/socket': UserSocket } })`. */
export const phoenix = fastifyPlugin(phoenixPlugin, { fastify: '5.x', name: 'fastify-phoenix' })
