import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type AsyncApi, asyncApi } from '../../index.ts'
import { apiInfo } from '../openapi.ts'
import { userSocket } from '../user-socket.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** Fields of an OpenAPI document that appear on the page. */
type OpenApi = {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
type Operation = { readonly summary?: string; readonly security?: readonly unknown[] }

/** Plugin with the OpenAPI and AsyncAPI documents, and a page that lists the routes and channels. */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  const contracts = userSocket(null).routes.map(({ definition }) => definition.contract)
  const channels = asyncApi({ ...apiInfo, contracts })
  let made: { readonly openApi: string; readonly page: string } | null = null
  // Create the OpenAPI document and the page at the first request, when all routes are registered.
  const documents = () => {
    made ??= make()
    return made
  }
  const make = () => {
    // The cast is safe: `openApiOptions` selects OpenAPI 3.1. The type of `app.swagger()` covers all OpenAPI versions.
    const openApi = app.swagger() as OpenApi
    return { openApi: JSON.stringify(openApi), page: pageOf(openApi, channels) }
  }
  app.get('/docs/openapi.json', (_request, reply) => reply.type(JSON_TYPE).send(documents().openApi))
  app.get('/docs/asyncapi.json', (request) => ({ ...channels, servers: { chat: serverOf(request) } }))
  app.get('/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(documents().page))
}

/** Address of the socket, with the host that the client used. */
function serverOf({ host, protocol }: FastifyRequest) {
  return { host, pathname: '/socket/websocket', protocol: protocol === 'https' ? 'wss' : 'ws' }
}

function pageOf({ paths = {} }: OpenApi, { channels }: AsyncApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary = '', security = [] }]) => {
      const token = security.length > 0 ? ' Requires a token.' : ''
      return `<dt>${method.toUpperCase()} ${escapeHtml(path)}</dt><dd>${escapeHtml(summary)}.${token}</dd>`
    }),
  )
  const topics = Object.values(channels).map(({ address, messages }) => {
    const names = Object.values(messages).map(({ name }) => `<li>${escapeHtml(name)}</li>`)
    return `<h3>${escapeHtml(address)}</h3><ul>${names.join('')}</ul>`
  })
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${apiInfo.title}: API</title>
    <link rel="icon" href="icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="docs.css" />
  </head>
  <body>
    <main>
      <h1>${apiInfo.title} ${apiInfo.version}</h1>
      <p>Full documents: <a href="docs/openapi.json">routes as OpenAPI</a>, <a href="docs/asyncapi.json">channels as AsyncAPI</a>.</p>
      <h2>Routes</h2>
      <dl>${operations.join('\n')}</dl>
      <h2>Channels</h2>
      ${topics.join('\n')}
    </main>
  </body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
