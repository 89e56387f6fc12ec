// A process with one node of a cluster, for presence-processes.test.ts.
import fastify from 'fastify'
import { Type } from 'typebox'
import { defineContract } from '../../protocol/index.ts'
import { defineChannel, definePresence, defineSocket, phoenix } from '../../server/index.ts'
import { RedisEngine } from '../../server/redis/index.ts'

const { REDIS_URL = '', PREFIX = '', LEASE = '' } = process.env

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ key: Type.String() }),
  incoming: {
    rename: { payload: Type.Object({ name: Type.String() }), reply: Type.Object({}) },
    crash: { payload: Type.Object({}) },
  },
  presence: Type.Object({ name: Type.String() }),
})
const RoomPresence = definePresence(Room)

const RoomChannel = defineChannel(Room, {
  assigns: () => ({ key: '' }),
  join({ key }, socket) {
    socket.assigns.key = key
    socket.sendInfo('after_join')
    return { ok: {} }
  },
  handleIn: {
    rename({ name }, socket) {
      RoomPresence.update(socket, socket.assigns.key, { name })
      return { ok: {} }
    },
    crash() {
      throw new Error('crash')
    },
  },
  handleInfo: {
    after_join(_value, socket) {
      RoomPresence.track(socket, socket.assigns.key, { name: 'new' })
      RoomPresence.pushState(socket)
    },
  },
})

const app = fastify()
await app.register(phoenix, {
  sockets: { '/socket': defineSocket({ connect: () => ({ ok: {} }) }).channel(RoomChannel) },
  engine: new RedisEngine({ url: REDIS_URL, prefix: PREFIX, lease: Number(LEASE) }),
  presences: [RoomPresence],
})
process.once('SIGTERM', () => void app.close())
console.log(await app.listen({ port: 0, host: '127.0.0.1' }))
console.log(`its clock says ${new Date().toISOString()}`)
