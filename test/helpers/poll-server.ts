import { once } from 'node:events'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Type } from 'typebox'
import { onTestFinished } from 'vitest'
import {
  type ConnectInfo,
  defineSocket,
  defineUntypedChannel,
  type MountOptions,
  type PhoenixOptions,
  phoenix,
} from '../../server/index.ts'
import { Deferred, turn } from './deferred.ts'
import { type RawRequest, request } from './raw-http.ts'

export const JOIN = '["1","1","room:m","phx_join",{}]'
export const JOINED = '["1","1","room:m","phx_reply",{"response":{},"status":"ok"}]'

export type Polled = { status: number; messages: string[]; token: string }

/** Gate for which `wait` handlers wait. */
export type Gate = { open: Deferred }
/** The arguments of a `connect`. */
type Given = { params: Record<string, unknown>; info: ConnectInfo }

/** A socket of this one channel; its `wait` waits for the gate. */
export const testSocket = (gate: Gate, given: Given[] = []) =>
  defineSocket({
    params: Type.Unsafe<Record<string, unknown>>({}),
    connect(params, info) {
      given.push({ params, info })
      if ('raise' in params) throw new Error('raised in connect')
      if ('hang' in params) return new Promise<never>(() => {})
      if ('refuse' in params) return { error: 'refused' }
      return { ok: { user: String(params['user'] ?? '') } }
    },
  })
    .id(({ user }) => user)
    .channel(
      defineUntypedChannel('room:*', {
        join: () => ({ ok: {} }),
        handleIn: {
          echo: (payload) => ({ ok: payload }),
          bytes: () => ({ ok: new Uint8Array([1]) }),
          wait: () => gate.open.promise,
          big: () => ({ ok: 'x'.repeat(200_000) }),
        },
      }),
    )

type Options = Omit<MountOptions, 'socket'> & {
  /** Options of the plugin. */
  plugin?: Partial<PhoenixOptions>
  server?: FastifyServerOptions
  prepare?: (app: FastifyInstance) => void
}

/** A server with long-poll at `/socket/longpoll`. */
export async function serve({ plugin = {}, server = {}, prepare = () => {}, ...mount }: Options = {}) {
  const gate: Gate = { open: new Deferred() }
  const given: Given[] = []
  const app = fastify(server)
  prepare(app)
  const sockets = { '/socket': { socket: testSocket(gate, given), longpoll: true, ...mount } }
  await app.register(phoenix, { sockets, ...plugin })
  onTestFinished(() => app.close())
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/socket/longpoll`
  return { app, gate, given, url }
}

/** A server and one session on it. */
export async function open(options: Options = {}, query = 'vsn=2.0.0') {
  const server = await serve(options)
  const { token } = JSON.parse((await request(`${server.url}?${query}`)).body)
  const own = `${server.url}?${query}&token=${encodeURIComponent(token)}`
  const ask = async (given?: RawRequest) => JSON.parse((await request(own, given)).body)
  const poll = (): Promise<Polled> => ask()
  return {
    ...server,
    own,
    poll,
    /** A poll that has come to the server. */
    async pollAndWait(): Promise<{ polled: Promise<Polled> }> {
      const arrived = once(server.app.server, 'request')
      const polled = poll()
      await arrived
      await turn()
      return { polled }
    },
    /** Everything that the server could do by now is done. */
    roundTrip: () => request(server.url, { method: 'OPTIONS' }),
    post: (body: string, type = 'application/x-ndjson'): Promise<{ status: number }> =>
      ask({ method: 'POST', headers: { 'content-type': type }, body }),
  }
}

/** A frame that asks for its ref to be echoed. */
export const echo = (ref: number) => `["1","${ref}","room:m","echo",${ref}]`
