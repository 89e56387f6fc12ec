import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type Access, anybody, type Visitor } from '../access.ts'
import { NewMessage, Room, RoomName } from '../contracts/room.ts'
import { HttpError } from '../errors.ts'
import { topicOf } from '../rooms.ts'

/** Entries of one answer at most, and by default. */
const MAX_LIMIT = 100
/** Values of a query are texts: 1 to 100, and 1 to 10. */
const Limit = Type.String({
  pattern: '^(?:[1-9]\\d?|100)$',
  default: String(MAX_LIMIT),
  description: 'Maximum number of entries, at most 100',
})
const Page = Type.String({
  pattern: '^(?:[1-9]|10)$',
  default: '1',
  description: 'Number of the page, 1 to 10',
})
const ListQuery = Type.Object({ limit: Type.Optional(Limit), page: Type.Optional(Page) })
const ShowQuery = Type.Object({ limit: Type.Optional(Limit) })
const RoomList = Type.Object({ rooms: Type.Array(Type.String()) })
const RoomParams = Type.Object({ room: RoomName })
const RoomDetails = Type.Object({
  room: RoomName,
  members: Type.Array(Type.Object({ name: Type.String(), connections: Type.Integer() })),
  guests: Type.Integer(),
  count: Type.Integer({ description: 'Members and guests' }),
})
const Accepted = Type.Object({ ok: Type.Boolean() })

const list = {
  summary: 'List rooms: the two fixed ones first, then by members',
  tags: ['rooms'],
  querystring: ListQuery,
  response: { 200: RoomList },
}
const show = {
  summary: 'List the people in a room',
  tags: ['rooms'],
  params: RoomParams,
  querystring: ShowQuery,
  response: { 200: RoomDetails },
}
const say = {
  summary: 'Send a message to everybody in a room',
  tags: ['rooms'],
  params: RoomParams,
  body: NewMessage,
  response: { 202: Accepted },
}

const openToAll: Access = async () => anybody

/** The rooms as JSON: list them, show one, send a message into one. */
export async function roomsRoutes(
  fastify: FastifyInstance,
  { access = openToAll }: { readonly access?: Access },
): Promise<void> {
  const app = fastify.withTypeProvider<TypeBoxTypeProvider>()
  const enter = async (request: FastifyRequest, room: string): Promise<Visitor> => {
    const visitor = await access(request)
    if (!visitor.mayEnter(room)) throw new HttpError(403, 'The token does not allow this room.')
    return visitor
  }

  app.get('/rooms', { schema: list }, async (request) => {
    const visitor = await access(request)
    const rooms = await app.rooms.list()
    return { rooms: pageOf(rooms.filter(visitor.mayEnter), request.query) }
  })

  app.get('/rooms/:room', { schema: show }, async (request) => {
    await enter(request, request.params.room)
    const room = await app.rooms.show(request.params.room)
    return { ...room, members: pageOf(room.members, request.query) }
  })

  app.post('/rooms/:room/messages', { schema: say }, async (request, reply) => {
    const { user } = await enter(request, request.params.room)
    const message = { body: request.body.body, ...(user && { from: { id: user.id, name: user.name } }) }
    await app.endpoint.broadcast(Room, topicOf(request.params.room), 'new_msg', message)
    return reply.code(202).send({ ok: true })
  })
}

/** A part of a list. The schema has checked both numbers. */
function pageOf<T>(items: readonly T[], query: { readonly limit?: string; readonly page?: string }): T[] {
  const limit = Number(query.limit ?? MAX_LIMIT)
  const start = (Number(query.page ?? 1) - 1) * limit
  return items.slice(start, start + limit)
}
