import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

/** Title and version of the OpenAPI and AsyncAPI documents. */
export const apiInfo = { title: 'Chat', version: '1.0.0' }

/** Options of the OpenAPI document, which describes the routes that have a tag. */
export const openApiOptions: FastifyDynamicSwaggerOptions = {
  hideUntagged: true,
  // Keep the names of shared schemas.
  refResolver: {
    buildLocalReference: ({ $id }, _base, _fragment, index) => String($id ?? `schema-${index}`),
  },
  openapi: {
    openapi: '3.1.0',
    info: { ...apiInfo, description: 'HTTP API of the chat. asyncapi.json describes the channels.' },
    tags: [
      { name: 'rooms', description: 'Rooms, the people in them, and messages' },
      { name: 'session', description: 'Users' },
      { name: 'admin', description: 'Topics, connections and nodes, for operators' },
      { name: 'health', description: 'Probes for load balancers and process managers' },
    ],
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  },
}
