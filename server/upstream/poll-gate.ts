import type { RequestListener, Server } from 'node:http'
import { type RouteMatch, withoutEmptySegments } from './route-finder.ts'
import { RETRY_AFTER_SECONDS } from './upgrade-gate.ts'

/** What the requests of a server are guarded with. */
export type PollGateOptions = {
  readonly isDraining: () => boolean
  /** Says which mount's route serves a request. */
  readonly find: (request: Parameters<RequestListener>[0]) => RouteMatch
  /** The paths of the routes that take polls. */
  readonly polls: ReadonlySet<string>
}

/**
 * Have requests find a mount also with empty segments in its path (HANDSHAKE-5), and answer polls with an empty
 * 503 while the server drains. Fastify would answer them while it closes, with a JSON body, which the official
 * client takes for an answer of the protocol whose status it does not know: it would never poll again (LONGPOLL-10).
 */
export function guardRequests(server: Server, options: PollGateOptions): void {
  // The server calls its listeners with these arguments; the type of `listeners` does not say so.
  const listeners = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    if (isRefused(options, request)) refuse(response)
    else for (const listener of listeners) listener.call(server, request, response)
  })
}

function isRefused(
  { isDraining, find, polls }: PollGateOptions,
  request: Parameters<RequestListener>[0],
): boolean {
  const { url = '/' } = request
  const isAsked = isDraining() ? polls.size > 0 : url !== withoutEmptySegments(url)
  if (!isAsked) return false
  const { path } = find(request)
  return isDraining() && path !== null && polls.has(path)
}

function refuse(response: Parameters<RequestListener>[1]): void {
  // HTTP/2 has no such header.
  if (response.req.httpVersionMajor === 1) response.setHeader('connection', 'close')
  response.writeHead(503, {
    'access-control-allow-origin': '*',
    'content-length': 0,
    'retry-after': String(RETRY_AFTER_SECONDS),
  })
  response.end()
}
