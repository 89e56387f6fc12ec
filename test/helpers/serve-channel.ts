import { once } from 'node:events'
import type { Socket as NetSocket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { expect, onTestFinished } from 'vitest'
import type { Contract } from '../../protocol/index.ts'
import type { Callbacks } from '../../server/channel/channel-socket.ts'
import {
  type ChannelSocket,
  defineSocket,
  defineUntypedChannel,
  type MountOptions,
  type PhoenixOptions,
  phoenix,
} from '../../server/index.ts'
import type { AnySocket } from '../../server/socket/define-socket.ts'
import { connect, type RawClient } from './raw-client.ts'

export type Handle = ChannelSocket<Contract, unknown>
type Definition = Partial<Callbacks<Contract, unknown>>
type Options = Omit<MountOptions, 'socket'> &
  Pick<PhoenixOptions, 'limits'> &
  Pick<FastifyServerOptions, 'pluginTimeout' | 'trustProxy'>

/** A server until the end of the test, with this channel on `room:*` at `/socket`. */
export class ChannelServer {
  readonly app: FastifyInstance
  /** `http://127.0.0.1:PORT` */
  readonly base: string

  constructor(app: FastifyInstance, base: string) {
    this.app = app
    this.base = base
  }

  /** A client, and the server's end of its connection. */
  async connect(options?: ConstructorParameters<typeof RawClient>[1]): Promise<[RawClient, NetSocket]> {
    const [client, [net]] = await Promise.all([
      connect(`${this.base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`, options),
      once(this.app.server, 'connection') as Promise<[NetSocket]>,
    ])
    return [client, net]
  }

  /** The same; the client has joined `room:a` with the join_ref "1". */
  async join(options?: ConstructorParameters<typeof RawClient>[1]): Promise<[RawClient, NetSocket]> {
    const [client, net] = await this.connect(options)
    client.send('["1","1","room:a","phx_join",{}]')
    expect(await client.next()).toContain('"status":"ok"')
    return [client, net]
  }
}

/** Start a server whose clients may join `room:*`; joins are accepted unless the definition says otherwise. */
export function serveChannel(definition: Definition, options: Options = {}): Promise<ChannelServer> {
  const channel = defineUntypedChannel('room:*', { join: () => ({ ok: {} }), ...definition })
  return serveSocket(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel), options)
}

/** Start a server with this socket. */
export async function serveSocket(socket: AnySocket, options: Options = {}): Promise<ChannelServer> {
  const { limits = {}, trustProxy = false, pluginTimeout = 10_000, ...mount } = options
  const app = fastify({ trustProxy, pluginTimeout })
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': { socket, ...mount } }, limits })
  return new ChannelServer(app, await app.listen({ port: 0, host: '127.0.0.1' }))
}
