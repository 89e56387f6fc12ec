import type { IncomingMessage } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'

const LOOPBACK = '127.0.0.1'

/**
 * Complete an upgrade request that `app.injectWS` (from @fastify/websocket) has created. An injected request is a plain
 * object without a connection and without `rawHeaders`, and its header values may be numbers. Requests that Node has
 * created are left unchanged.
 */
export function completeInjected(request: IncomingMessage, connection: Duplex): void {
  if (request.socket !== undefined && request.socket !== null) return
  // A stream in memory does not count its bytes. So define a property `bytesRead` that grows each time the property is
  // read. Otherwise the client would count as silent and be disconnected.
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
