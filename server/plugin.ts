import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Endpoint, type EndpointOptions } from './endpoint.ts'
import { LocalEngine } from './engine/local-engine.ts'
import { UsageError } from './errors.ts'
import { defaultFilter } from './filter-parameters.ts'
import { logTelemetry } from './logging.ts'
import type { AnySocket } from './socket/define-socket.ts'
import { Capacity } from './transport/capacity.ts'
import { sendStopping } from './transport/exchange.ts'
import { Http2Sessions } from './transport/http2-sessions.ts'
import { longpoll } from './transport/longpoll.ts'
import { type MountOptions, resolveMount } from './transport/mount.ts'
import { Outbox } from './transport/outbox.ts'
import { refusePolls } from './transport/poll-gate.ts'
import { UpgradeGate } from './transport/upgrade-gate.ts'
import { websocket } from './transport/websocket.ts'

/** What the plugin is registered with. */
export type PhoenixOptions = Omit<EndpointOptions, 'logger'> & {
  /** The sockets by their paths: `{ '/socket': UserSocket }`. */
  readonly sockets: Readonly<Record<string, AnySocket | MountOptions>>
  /**
   * Signs long-poll tokens, at least 20 bytes. Default: a random one, unless there is an `engine`, whose
   * nodes share it.
   */
  readonly secret?: string
  /**
   * Parameters whose key contains one of these words, in any case and at any depth, are not logged.
   * Default: `password`, `token`, `secret`.
   */
  readonly filterParameters?: readonly string[]
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The running system of the plugin `phoenix`. */
    endpoint: Endpoint
  }
  interface FastifyContextConfig {
    /** Answer also while the server drains, as health checks must; default false: such requests get 503. */
    whileDraining?: boolean
  }
}

async function phoenixPlugin(fastify: FastifyInstance, options: PhoenixOptions): Promise<void> {
  const { sockets, secret: givenSecret, filterParameters = defaultFilter, ...endpointOptions } = options
  if (typeof sockets !== 'object' || sockets === null) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      "phoenix takes sockets by their paths, e.g. { '/socket': UserSocket }",
    )
  }
  const mounts = Object.entries(sockets).map(([path, socket]) => resolveMount(path, socket))
  const endpoint = new Endpoint({ ...endpointOptions, logger: fastify.log })
  const isDraining = () => endpoint.isDraining
  const gate = new UpgradeGate(isDraining)
  const polls = mounts.flatMap(({ path, longpoll }) =>
    longpoll === null ? [] : fastify.prefix + path + longpoll.path,
  )
  const secret = givenSecret ?? privateSecret(endpoint, polls)
  const outbox = new Outbox()
  const capacity = new Capacity(endpoint)
  const http2Sessions = new Http2Sessions(fastify.server)
  fastify.decorate('endpoint', endpoint)
  const logging = { logger: fastify.log, sockets: mounts.map(({ socket }) => socket), filterParameters }
  const stopLogging = logTelemetry(endpoint, logging)
  for (const mount of mounts) {
    const context = { endpoint, capacity, gate, outbox, mount }
    await fastify.register((scope) => websocket(scope, context))
    await fastify.register((scope) => longpoll(scope, { ...context, secret }))
  }
  fastify.addHook('onReady', async () => {
    gate.attach(fastify.server)
    if (polls.length > 0) refusePolls(fastify.server, polls, isDraining)
    await endpoint.start()
  })
  // With a callback: every request of the application passes here, and most need no promise.
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!endpoint.isDraining || request.routeOptions.config.whileDraining) return done()
    sendStopping(reply)
  })
  fastify.addHook('preClose', async () => {
    await endpoint.stop()
    stopLogging()
    gate.refuseUndecided()
    http2Sessions.close()
  })
}

/** Nobody else knows it: of no use where other nodes are to read what it signed. */
function privateSecret({ engine }: Endpoint, polls: readonly string[]): string {
  if (polls.length > 0 && !(engine instanceof LocalEngine)) {
    throw new UsageError('PHX_ERR_OPTION', 'nodes that take long-poll share a `secret`, of at least 20 bytes')
  }
  return randomBytes(32).toString('base64url')
}

/** The Fastify plugin: `app.register(phoenix, { sockets: { '/socket': UserSocket } })`. */
export const phoenix = fastifyPlugin(phoenixPlugin, { fastify: '5.x', name: 'fastify-phoenix' })
