import type { RequestListener, Server } from 'node:http'
import { PathPattern } from './path-pattern.ts'
import { RETRY_AFTER_SECONDS } from './upgrade-gate.ts'

/**
 * Answer requests for these paths with an empty 503 while the server drains. Fastify would answer them
 * while it closes, with a JSON body, which the official client takes for an answer of the protocol whose
 * status it does not know: it would never poll again (LONGPOLL-10).
 */
export function refusePolls(server: Server, paths: readonly string[], isDraining: () => boolean): void {
  const mounts = paths.map((path) => new PathPattern(path))
  // The server calls its listeners with these arguments; the type of `listeners` does not say so.
  const listeners = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    if (isDraining() && mounts.some((mount) => mount.fits(request.url ?? '/'))) {
      response.writeHead(503, {
        'access-control-allow-origin': '*',
        // HTTP/2 has no such header, and Node warns of it.
        ...(request.httpVersionMajor === 1 && { connection: 'close' }),
        'content-length': 0,
        'retry-after': String(RETRY_AFTER_SECONDS),
      })
      response.end()
    } else for (const listener of listeners) listener.call(server, request, response)
  })
}
