import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { publishLimit } from '../socket/instrumentation.ts'

/**
 * Limits the unanswered requests of an HTTP/1 connection (`limits.maxPipelinedRequests`).
 *
 * A client may send requests without waiting for responses. Node parses all of them and starts a handler for each.
 * Responses after the first one wait in a queue. When the connection breaks, Node closes only the first response. This
 * class closes the queued responses too, so that the files that they send do not stay open.
 *
 * Invariant: the set of a connection contains each response that `admit` has counted, until the response emits `close`.
 */
export class PipelineLimit {
  readonly #endpoint: EndpointServer
  readonly #connections: WeakMap<Socket, Set<ServerResponse>>

  constructor(endpoint: EndpointServer) {
    this.#endpoint = endpoint
    this.#connections = new WeakMap()
  }

  /** Count a request. Close a connection with too many unanswered requests. Returns false for a closed connection. */
  admit(request: IncomingMessage, response: ServerResponse): boolean {
    // Over HTTP/2, `Http2Sessions` limits the requests. After an upgrade, the connection has no further requests.
    if (request.httpVersionMajor === 2 || isUpgrade(request)) return true
    const { socket } = request
    const waiting = this.#connections.get(socket) ?? this.#open(socket)
    if (socket.destroyed) return false
    if (waiting.size >= this.#endpoint.limits.maxPipelinedRequests) {
      publishLimit(this.#endpoint, 'maxPipelinedRequests')
      socket.destroy()
      return false
    }
    waiting.add(response)
    response.once('close', () => waiting.delete(response))
    return true
  }

  #open(socket: Socket): Set<ServerResponse> {
    const waiting = new Set<ServerResponse>()
    this.#connections.set(socket, waiting)
    socket.once('close', () => closeAll(waiting))
    return waiting
  }
}

/**
 * Returns true if Node's parser treats a request as an upgrade. The headers alone do not show how the parser treats the
 * request. The parser sets the field `upgrade`, which Node's types lack.
 */
function isUpgrade(request: IncomingMessage & { readonly upgrade?: unknown }): boolean {
  return request.upgrade === true
}

/** Destroy the unsent responses of a closed connection, and emit `close` for each. Node does so only for the first. */
function closeAll(waiting: ReadonlySet<ServerResponse>): void {
  for (const response of waiting) {
    // Node itself closes the response that has the socket.
    if (response.closed || response.socket !== null) continue
    response.destroy()
    response.emit('close')
  }
}

/** Create a hook that closes connections with too many unanswered requests. */
export function limitPipelining(endpoint: EndpointServer) {
  const limit = new PipelineLimit(endpoint)
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    if (limit.admit(request.raw, reply.raw)) done()
    else reply.hijack()
  }
}
