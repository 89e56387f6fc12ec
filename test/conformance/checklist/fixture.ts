import fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished } from 'vitest'
import { defineSocket, type MountOptions, type PhoenixOptions, phoenix } from '../../../server/index.ts'
import { connect, type RawClient } from '../../helpers/raw-client.ts'
import { admit } from '../../helpers/tokens.ts'
import { Probe, testChannel } from './channel.ts'

/** The options of a mount, without its socket. */
export type Options = Omit<MountOptions, 'socket'>

/** One running server, its socket mounted at `/socket`. */
export type Server = {
  app: FastifyInstance
  probe: Probe
  /** `http://127.0.0.1:PORT` */
  base: string
  /** A WebSocket connection; the query is `vsn=2.0.0` unless given. */
  connect: (query?: string, options?: ConstructorParameters<typeof RawClient>[1]) => Promise<RawClient>
}

/** A socket that takes everybody but those who ask to be refused; `user` becomes its id. */
export function testSocket(probe: Probe) {
  return defineSocket({
    params: Type.Unsafe<Record<string, unknown>>({}),
    connect(given, info) {
      const params = admit(given)
      if (params === null) return { error: 'unauthorized' }
      probe.connects.push(params)
      probe.infos.push(info)
      if ('refuse' in params) return { error: String(params['refuse']) }
      if ('raise' in params) throw new Error('raised in connect')
      return { ok: { user: typeof params['user'] === 'string' ? params['user'] : null, role: 'socket' } }
    },
  })
    .id((assigns) => assigns.user)
    .channel(testChannel('room:*', probe))
    .channel(testChannel('bare', probe), { assigns: { role: 'route' } })
}

/** Start a server for one test, with the test socket at `/socket`. */
export async function serve(
  options: Options = {},
  port = 0,
  prepare?: (app: FastifyInstance) => void,
): Promise<Server> {
  const probe = new Probe()
  return listen({ '/socket': { socket: testSocket(probe), ...options } }, probe, { port, prepare })
}

/** Start a server with mounts of one's own. */
export async function listen(
  sockets: PhoenixOptions['sockets'],
  probe = new Probe(),
  { port = 0, prepare }: { port?: number; prepare?: ((app: FastifyInstance) => void) | undefined } = {},
): Promise<Server> {
  const app = fastify()
  onTestFinished(() => app.close())
  prepare?.(app)
  await app.register(phoenix, { sockets })
  const base = await app.listen({ port, host: '127.0.0.1' })
  const url = `${base.replace('http', 'ws')}/socket/websocket`
  return {
    app,
    probe,
    base,
    connect: (query = 'vsn=2.0.0', client = {}) => connect(`${url}?${query}`, client),
  }
}

/** Join a topic whose join is answered `{}`. */
export async function join(client: RawClient, topic = 'room:m', ref = '1'): Promise<void> {
  client.send(`["${ref}","${ref}","${topic}","phx_join",{}]`)
  expect(await client.next()).toBe(`["${ref}","${ref}","${topic}","phx_reply",{"response":{},"status":"ok"}]`)
}

/** A server with one client that has joined `room:m` with join_ref "1". */
export async function joined(options: Options = {}): Promise<Server & { client: RawClient }> {
  const server = await serve(options)
  const client = await server.connect()
  await join(client)
  return { ...server, client }
}

/** Send one frame; exactly these frames are the answer. A hex string stands for a binary frame. */
export async function ask(
  client: RawClient,
  frame: string | Uint8Array,
  ...answers: string[]
): Promise<void> {
  client.send(frame)
  for (const answer of answers) {
    const got = await client.next()
    expect(typeof got === 'string' ? got : got.toString('hex')).toBe(answer)
  }
  await client.nothing()
}

/** The bytes of a hex string; spaces are for the reader. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}
