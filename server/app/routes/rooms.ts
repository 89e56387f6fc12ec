import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { NewMessage, Room, RoomName } from '../contracts/room.ts'
import { listRooms, topicOf } from '../rooms.ts'

const RoomList = Type.Object({ rooms: Type.Array(Type.String()) })
const Accepted = Type.Object({ ok: Type.Boolean() })

/** The rooms as JSON: list them, send a message into one. */
export async function roomsRoutes(fastify: FastifyInstance): Promise<void> {
  const app = fastify.withTypeProvider<TypeBoxTypeProvider>()

  app.get('/api/rooms', { schema: { response: { 200: RoomList } } }, () => ({
    rooms: listRooms(app.endpoint),
  }))

  app.post(
    '/api/rooms/:room/messages',
    { schema: { params: Type.Object({ room: RoomName }), body: NewMessage, response: { 202: Accepted } } },
    async (request, reply) => {
      const { body } = request.body
      await app.endpoint.broadcast(Room, topicOf(request.params.room), 'new_msg', { body })
      return reply.code(202).send({ ok: true })
    },
  )
}
