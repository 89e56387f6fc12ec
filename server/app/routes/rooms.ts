import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type Access, accessOf } from '../access.ts'
import { NewMessage, Room, RoomName } from '../contracts/room.ts'
import { HttpError } from '../errors.ts'
import { listRooms, showRoom, topicOf } from '../rooms.ts'

const RoomList = Type.Object({ rooms: Type.Array(Type.String()) })
const RoomParams = Type.Object({ room: RoomName })
const RoomDetails = Type.Object({
  room: RoomName,
  members: Type.Array(Type.Object({ name: Type.String(), connections: Type.Integer() })),
  guests: Type.Integer(),
  count: Type.Integer({ description: 'Members and guests' }),
})
const Accepted = Type.Object({ ok: Type.Boolean() })

const list = { summary: 'The rooms', tags: ['rooms'], response: { 200: RoomList } }
const show = {
  summary: 'Who is in a room',
  tags: ['rooms'],
  params: RoomParams,
  response: { 200: RoomDetails },
}
const say = {
  summary: 'Send a message to all who are in a room',
  tags: ['rooms'],
  params: RoomParams,
  body: NewMessage,
  response: { 202: Accepted },
}

/** The rooms as JSON: list them, show one, send a message into one. */
export async function roomsRoutes(
  fastify: FastifyInstance,
  { access = accessOf({ authSecret: null, apiToken: null }) }: { readonly access?: Access },
): Promise<void> {
  const app = fastify.withTypeProvider<TypeBoxTypeProvider>()
  const enter = async (request: FastifyRequest, room: string): Promise<void> => {
    const mayEnter = await access(request)
    if (!mayEnter(room)) throw new HttpError(403, 'This token is not for that room.')
  }

  app.get('/rooms', { schema: list }, async (request) => {
    const mayEnter = await access(request)
    const rooms = await listRooms(app.endpoint)
    return { rooms: rooms.filter(mayEnter) }
  })

  app.get('/rooms/:room', { schema: show }, async (request) => {
    await enter(request, request.params.room)
    return showRoom(app.endpoint, request.params.room)
  })

  app.post('/rooms/:room/messages', { schema: say }, async (request, reply) => {
    await enter(request, request.params.room)
    const { body } = request.body
    await app.endpoint.broadcast(Room, topicOf(request.params.room), 'new_msg', { body })
    return reply.code(202).send({ ok: true })
  })
}
