import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'

const SocketParams = Type.Object({
  // An id is a topic: of a room, those who are in it would be sent the event.
  id: Type.String({ pattern: '^(?!room:)\\P{Cc}{1,255}$', description: 'Id of the socket' }),
})
const Accepted = Type.Object({ ok: Type.Literal(true) })

const disconnect = {
  summary: 'Close every connection of a socket id, on every node',
  description: 'Clients reconnect and must authenticate again.',
  tags: ['sockets'],
  params: SocketParams,
  response: { 202: Accepted },
}

/** What an operator does to connections. */
export async function socketsRoutes(fastify: FastifyInstance): Promise<void> {
  const app = fastify.withTypeProvider<TypeBoxTypeProvider>()

  app.post('/sockets/:id/disconnect', { schema: disconnect }, async (request, reply) => {
    await app.endpoint.disconnect(request.params.id)
    return reply.code(202).send({ ok: true })
  })
}
