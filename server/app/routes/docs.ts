import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type AsyncApi, asyncApi } from '../../index.ts'
import { type OpenApi, reference } from '../docs/reference.ts'
import { apiInfo } from '../openapi.ts'
import { userSocket } from '../user-socket.ts'

/** What the API is: a page to read, and the documents that it is made from. */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  app.get('/docs/openapi.json', () => app.swagger())
  app.get('/docs/asyncapi.json', (request) => channels(request))
  app.get('/docs', (request, reply) => {
    // The type of the document has all that OpenAPI allows in any version; ours is made from our routes.
    const openApi = app.swagger() as OpenApi
    return reply.type('text/html; charset=utf-8').send(reference(openApi, channels(request)))
  })
}

function channels({ host, protocol }: FastifyRequest): AsyncApi {
  const server = {
    host,
    pathname: '/socket/websocket',
    protocol: protocol === 'https' ? 'wss' : 'ws',
  } as const
  const contracts = userSocket(null).routes.map(({ definition }) => definition.contract)
  return asyncApi({ ...apiInfo, servers: { chat: server }, contracts })
}
