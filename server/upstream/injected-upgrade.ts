import type { IncomingMessage } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'

const LOOPBACK = '127.0.0.1'

/**
 * Add the missing properties to an upgrade request that `app.injectWS` (from @fastify/websocket) has created. Such a
 * request lacks a connection and `rawHeaders`, and its header values may be numbers. Requests that Node has created are
 * left unchanged.
 */
export function completeInjected(request: IncomingMessage, connection: Duplex): void {
  if (request.socket !== undefined && request.socket !== null) return
  // A connection whose `bytesRead` does not grow is closed as idle. A stream in memory has no `bytesRead`, so define a
  // property that grows at each access.
  let looked = 0
  Object.defineProperty(connection, 'bytesRead', { get: () => ++looked })
  const socket = Object.assign(connection, { remoteAddress: LOOPBACK, remotePort: 0 }) as unknown as NetSocket
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name.toLowerCase(),
    typeof value === 'number' ? String(value) : value,
  ])
  const rawHeaders = headers.flatMap(([name, value]) => (typeof value === 'string' ? [name, value] : []))
  Object.assign(request, { socket, connection: socket, rawHeaders, headers: Object.fromEntries(headers) })
}
