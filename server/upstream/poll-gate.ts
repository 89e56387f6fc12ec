import type { RequestListener, Server } from 'node:http'
import { type RouteMatch, withoutEmptySegments } from './route-finder.ts'
import { RETRY_AFTER_SECONDS } from './upgrade-gate.ts'

/** Options of {@link guardRequests}. */
export type PollGateOptions = {
  readonly isDraining: () => boolean
  /**
   * Finds the route that a request matches. If a mount (socket path) owns the route, removes empty segments from the
   * request's URL.
   */
  readonly find: (request: Parameters<RequestListener>[0]) => RouteMatch
  /** Paths of the long-poll routes. */
  readonly polls: ReadonlySet<string>
}

/**
 * Replace the server's `request` listeners by one listener, which calls the replaced listeners. The new listener calls
 * `find`, which removes empty segments from the URLs of requests for mounts (HANDSHAKE-5). While the server drains, the
 * new listener answers polls with an empty 503.
 *
 * Fastify itself would answer these polls with a JSON body. Once the official client has received a JSON body that is
 * not a long-poll reply, the client never polls again (LONGPOLL-10).
 */
export function guardRequests(server: Server, options: PollGateOptions): void {
  // The cast is safe: each `request` listener takes a request and a response. Node's types say only `Function`.
  const listeners = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    if (isRefused(options, request)) refusePoll(response)
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

function refusePoll(response: Parameters<RequestListener>[1]): void {
  // HTTP/2 forbids the header `connection`.
  if (response.req.httpVersionMajor === 1) response.setHeader('connection', 'close')
  response.writeHead(503, {
    'access-control-allow-origin': '*',
    'content-length': 0,
    'retry-after': String(RETRY_AFTER_SECONDS),
  })
  response.end()
}
