// Compile-only: which channels and options fit a socket, checked by `npx tsc`.
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import {
  defineChannel,
  defineContract,
  defineSocket,
  defineUntypedChannel,
  type Endpoint,
  type PhoenixOptions,
} from '../../server/index.ts'
import { RoomChannel } from './channel.ts'

const join = () => ({ ok: {} })
const Plain = defineUntypedChannel('plain', { join })
const Counted = defineChannel(defineContract({ topic: 'counted' }), {
  assigns: ({ count }: { count: number }) => ({ count }),
  join,
})

const UserSocket = defineSocket({
  params: Type.Object({ token: Type.String() }),
  async connect(params, info) {
    const agent: string | null | undefined = info.userAgent
    if (params.token === '') return { error: 'unauthorized' }
    return { ok: { userId: params.token, muted: agent === null } }
  },
})

// Everything that is right.
const Full = UserSocket.id((assigns) => `user:${assigns.userId}`)
  .channel(RoomChannel)
  .channel(Plain)
  .channel(Counted, { assigns: { count: 1 } })
const anonymous = defineSocket({ connect: () => ({ ok: {} }) })
  .id(() => null)
  .channel(Plain)

export const options: PhoenixOptions = {
  sockets: {
    '/socket': Full,
    '/anonymous': { socket: anonymous, websocket: { timeout: 1_000 }, checkOrigin: false },
  },
  limits: { maxChannels: 10 },
}

// Params that a socket lists are present; params that only a mount may list are optional.
export const Asking = defineSocket({
  params: Type.Object({ csrf: Type.String() }),
  connectInfo: ['cookies', 'headers', 'request'],
  async connect({ csrf }, { cookies, headers, request, peerData }) {
    const theme: string | undefined = cookies['theme']
    const accept: string | readonly string[] | undefined = headers['accept']
    const whole: FastifyRequest = request
    const address: string | undefined = peerData?.address
    return csrf === '' ? { error: 'no' } : { ok: { name: whole.ip, theme, accept, address } }
  },
}).id(({ name }) => name)
defineSocket({
  connectInfo: ['cookies'],
  // @ts-expect-error the socket does not list the request, so it may be absent
  connect: (_params, { request }) => ({ ok: { ip: request.ip } }),
})
defineSocket({
  // @ts-expect-error there is no such key
  connectInfo: ['cookie'],
  connect: () => ({ ok: {} }),
})
export const perMount: PhoenixOptions = {
  sockets: { '/socket': { socket: Asking, limits: { maxChannels: 5 }, filterParameters: ['pin'] } },
}
export const ofProcess: PhoenixOptions = {
  // @ts-expect-error connections of the process are not for a mount to limit
  sockets: { '/socket': { socket: Asking, limits: { maxConnections: 5 } } },
}

// @ts-expect-error the params have no name
defineSocket({ params: Type.Object({ token: Type.String() }), connect: (params) => ({ ok: params.name }) })
// @ts-expect-error connect answers ok or error
defineSocket({ connect: () => ({ allow: true }) })
// @ts-expect-error connect is not there
defineSocket({})
// @ts-expect-error an id is a text or null
UserSocket.id(() => 7)
// @ts-expect-error the assigns have no such field
UserSocket.id((assigns) => assigns.name)

// @ts-expect-error the socket's assigns lack what the channel's factory takes
defineSocket({ connect: () => ({ ok: { userId: 'u1' } }) }).channel(RoomChannel)
// @ts-expect-error userId is a number here, and a text there
defineSocket({ connect: () => ({ ok: { userId: 1, muted: true } }) }).channel(RoomChannel)
// @ts-expect-error the route does not add what the channel's factory takes
UserSocket.channel(Counted)
// @ts-expect-error the route adds a text where the channel takes a number
UserSocket.channel(Counted, { assigns: { count: 'one' } })

// @ts-expect-error a mount has a socket
export const noSocket: PhoenixOptions = { sockets: { '/socket': {} } }
// @ts-expect-error an unknown limit
export const noLimit: PhoenixOptions = { sockets: {}, limits: { channels: 1 } }

// Broadcasts from routes and workers.
const Room = defineContract({
  topic: 'room:*',
  outgoing: { new_msg: Type.Object({ body: Type.String() }) },
})
export async function broadcasts(endpoint: Endpoint): Promise<void> {
  await endpoint.broadcast('room:a', 'anything', { n: 1 })
  await endpoint.broadcast(Room, 'room:a', 'new_msg', { body: 'hi' })
  // @ts-expect-error a payload is an object
  await endpoint.broadcast('room:a', 'anything', 'text')
  // @ts-expect-error the body is a text
  await endpoint.broadcast(Room, 'room:a', 'new_msg', { body: 1 })
  // @ts-expect-error no such event goes out
  await endpoint.broadcast(Room, 'room:a', 'quit', {})
}

// `connect` may return its two answers in any way; the assigns are those of `ok`.
const find = (token: string): { name: string } | null => (token === '' ? null : { name: token })
export const sockets = [
  defineSocket({ connect: () => (find('a') === null ? { error: 'no' } : { ok: { name: 'a' } }) }),
  defineSocket({
    connect() {
      const user = find('a')
      if (user === null) return { error: 'no' }
      return { ok: user }
    },
  }),
  defineSocket({
    async connect() {
      const user = find('a')
      return user === null ? { error: 'no' } : { ok: user, expiresAt: Date.now() + 60_000 }
    },
    refresh: (token, { name }) => (token === name ? { error: 'no' } : { ok: { name } }),
  }),
].map((socket) => socket.id((user) => user.name))
// @ts-expect-error the assigns have no such field
sockets[0]?.id((user) => user.age)
