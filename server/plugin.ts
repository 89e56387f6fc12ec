import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Endpoint, type EndpointOptions } from './endpoint.ts'
import { UsageError } from './errors.ts'
import type { AnySocket } from './socket/define-socket.ts'
import { type MountOptions, resolveMount } from './transport/mount.ts'
import { Outbox } from './transport/outbox.ts'
import { UpgradeGate } from './transport/upgrade-gate.ts'
import { websocket } from './transport/websocket.ts'

/** What the plugin is registered with. */
export type PhoenixOptions = Omit<EndpointOptions, 'logger'> & {
  /** The sockets by their paths: `{ '/socket': UserSocket }`. */
  readonly sockets: Readonly<Record<string, AnySocket | MountOptions>>
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The running system of the plugin `phoenix`. */
    endpoint: Endpoint
  }
}

/** How long clients that come while the server stops are asked to wait, in seconds. */
const RETRY_AFTER_SECONDS = 1

async function phoenixPlugin(fastify: FastifyInstance, options: PhoenixOptions): Promise<void> {
  const { sockets, ...endpointOptions } = options
  if (typeof sockets !== 'object' || sockets === null) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      "phoenix takes sockets by their paths, e.g. { '/socket': UserSocket }",
    )
  }
  const mounts = Object.entries(sockets).map(([path, socket]) => resolveMount(path, socket))
  const endpoint = new Endpoint({ ...endpointOptions, logger: fastify.log })
  const gate = new UpgradeGate()
  const outbox = new Outbox()
  fastify.decorate('endpoint', endpoint)
  for (const mount of mounts) {
    await fastify.register((scope) => websocket(scope, { endpoint, gate, outbox, mount }))
  }
  fastify.addHook('onReady', async () => {
    gate.attach(fastify.server)
    await endpoint.start()
  })
  fastify.addHook('preClose', async () => {
    gate.refuse(RETRY_AFTER_SECONDS)
    await endpoint.stop()
  })
}

/** The Fastify plugin: `app.register(phoenix, { sockets: { '/socket': UserSocket } })`. */
export const phoenix = fastifyPlugin(phoenixPlugin, { fastify: '5.x', name: 'fastify-phoenix' })
