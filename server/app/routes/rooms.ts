import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { KeyReusedError } from '../../index.ts'
import { type Access, openToAll, type Visitor } from '../access.ts'
import { NewMessage, Room, RoomName, SaidMessage } from '../contracts/room.ts'
import { HttpError } from '../errors.ts'
import { messageKey, topicOf } from '../rooms.ts'

/** Maximum and default number of entries in one response. */
const MAX_LIMIT = 100
/** Patterns for query parameters, which arrive as strings. `Limit` allows 1 to 100, `Page` allows 1 to 10. */
const Limit = Type.String({
  pattern: '^(?:[1-9]\\d?|100)$',
  default: String(MAX_LIMIT),
  description: 'Maximum number of entries in the response, 1 to 100',
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
const Before = Type.String({
  pattern: '^[1-9]\\d{0,14}$',
  description: 'Value of `before` in the previous response, to get older messages',
})
const MessagesQuery = Type.Object({ limit: Type.Optional(Limit), before: Type.Optional(Before) })
const Messages = Type.Object({
  epoch: Type.String({
    description: 'Id of the numbering of messages; `seq` values can be compared only within one epoch',
  }),
  head: Type.Integer({
    description: 'Highest `seq` in the current epoch; 0 if the epoch has no message yet',
  }),
  messages: Type.Array(
    Type.Object({
      seq: Type.Union([Type.Integer(), Type.Null()], {
        description:
          'Sequence number in the current epoch of the history, from 1; null if the message is from an earlier epoch',
      }),
      event: Type.Literal('new_msg'),
      payload: SaidMessage,
      at: Type.Integer({ description: 'Milliseconds since 1970' }),
    }),
  ),
  before: Type.Union([Type.Integer(), Type.Null()], {
    description:
      'Send this number as the query parameter `before` to get older messages; null if there are no more',
  }),
})
const saidMessage = Compile(SaidMessage)
const SayHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description:
        'If a request is repeated with the same key within 5 minutes, its message is sent only once. ' +
        'A key has 1 to 255 printable ASCII characters, without spaces.',
    }),
  ),
})
const Accepted = Type.Object({ ok: Type.Boolean() })

const list = {
  summary: 'List rooms: global and lobby first, then the rooms with the most connections',
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
const read = {
  summary: 'Read the latest messages of a room, oldest first',
  tags: ['rooms'],
  params: RoomParams,
  querystring: MessagesQuery,
  response: { 200: Messages },
}
const say = {
  summary: 'Send a message to everybody in a room',
  tags: ['rooms'],
  params: RoomParams,
  headers: SayHeaders,
  body: NewMessage,
  response: { 202: Accepted },
}

const UNCONFIRMED =
  'It is unknown whether the message was sent. Retry with the same `idempotency-key`; ' +
  'without a key, a retry may send the message twice.'

/** Plugin with the routes of rooms: list the rooms, show a room, read its messages, send a message. */
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

  app.get('/rooms/:room/messages', { schema: read }, async (request) => {
    const { limit = MAX_LIMIT, before } = request.query
    await enter(request, request.params.room)
    const range = { last: Number(limit), ...(before !== undefined && { before: Number(before) }) }
    const page = await app.endpoint.history(Room, topicOf(request.params.room), range)
    if (page === null) throw new HttpError(503, 'The messages cannot be read now. Try again later.')
    // An operator can broadcast any payload, so omit messages that the response's schema does not allow.
    const messages = page.messages.flatMap((one) =>
      one.event === 'new_msg' && saidMessage.Check(one.payload) ? [one] : [],
    )
    return { ...page, messages }
  })

  app.post('/rooms/:room/messages', { schema: say }, async (request, reply) => {
    const { user } = await enter(request, request.params.room)
    const message = { body: request.body.body, ...(user && { from: { id: user.id, name: user.name } }) }
    const { 'idempotency-key': id } = request.headers
    const options = id === undefined ? {} : { key: messageKey('http', user?.id ?? '', id) }
    const kept = await app.endpoint
      .publish(Room, topicOf(request.params.room), 'new_msg', message, options)
      .catch(refuseOtherMessage)
    if (!kept) throw new HttpError(503, UNCONFIRMED)
    return reply.code(202).send({ ok: true })
  })
}

/** Return one page of a list. The schema has checked `limit` and `page`. */
function pageOf<T>(items: readonly T[], query: { readonly limit?: string; readonly page?: string }): T[] {
  const limit = Number(query.limit ?? MAX_LIMIT)
  const start = (Number(query.page ?? 1) - 1) * limit
  return items.slice(start, start + limit)
}

/** Throw an HttpError 422 if the key was used for another message. Rethrow any other error. */
function refuseOtherMessage(error: unknown): never {
  if (!(error instanceof KeyReusedError)) throw error
  throw new HttpError(422, 'The `idempotency-key` was already used for another message.')
}
