import type { FastifyInstance, FastifyRequest } from 'fastify'
import { asyncApi } from '../../index.ts'
import { type OpenApi, reference } from '../docs/reference.ts'
import { apiInfo } from '../openapi.ts'
import { userSocket } from '../user-socket.ts'

/** What the API is: a page to read, and the documents that it is made from. All are made once. */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  const contracts = userSocket(null).routes.map(({ definition }) => definition.contract)
  const channels = asyncApi({ ...apiInfo, contracts })
  let made: { readonly openApi: string; readonly page: string } | null = null
  // Not before all routes are there.
  const documents = () => {
    made ??= make()
    return made
  }
  const make = () => {
    // The type of the document has all that OpenAPI allows in any version; ours is made from our routes.
    const openApi = app.swagger() as OpenApi
    return { openApi: JSON.stringify(openApi), page: reference(openApi, channels) }
  }
  app.get('/docs/openapi.json', (_request, reply) => reply.type(JSON_TYPE).send(documents().openApi))
  app.get('/docs/asyncapi.json', (request) => ({ ...channels, servers: { chat: serverOf(request) } }))
  app.get('/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(documents().page))
}

const JSON_TYPE = 'application/json; charset=utf-8'

/** Where the socket is, as the client calls this host. */
function serverOf({ host, protocol }: FastifyRequest) {
  return { host, pathname: '/socket/websocket', protocol: protocol === 'https' ? 'wss' : 'ws' }
}
