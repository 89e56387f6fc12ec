import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Endpoint } from '../endpoint/endpoint.ts'
import { publishLimit } from '../socket/instrumentation.ts'

/**
 * Bounds the requests of one HTTP/1 connection that are not answered yet (`limits.maxPipelinedRequests`).
 *
 * A client may send requests without waiting for answers, and read no answer. Node parses all of them, and
 * starts a handler for each. Responses behind the first one wait in a queue; when the connection breaks, Node
 * closes only the first, so a file that another one streams would stay open. This class closes them all.
 *
 * Invariant: a response is in the set of its connection from its request until its `close` event.
 */
export class PipelineLimit {
  readonly #endpoint: Endpoint
  readonly #connections: WeakMap<Socket, Set<ServerResponse>>

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.#connections = new WeakMap()
  }

  /** Count a request; false if its connection has too many unanswered ones, and was closed. */
  admit(request: IncomingMessage, response: ServerResponse): boolean {
    // HTTP/2 bounds its streams itself (`Http2Sessions`); nothing is pipelined behind an upgrade.
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

/** As Node's parser has it, whose field the types lack: a header alone does not make an upgrade. */
function isUpgrade(request: IncomingMessage & { readonly upgrade?: unknown }): boolean {
  return request.upgrade === true
}

/** End what will never be sent. Node emits `close` for the response whose turn it is, and for no other. */
function closeAll(waiting: ReadonlySet<ServerResponse>): void {
  for (const response of waiting) {
    if (response.closed) continue
    response.destroy()
    response.emit('close')
  }
}

/** A hook that leaves the requests above the limit unanswered: their connection is closed. */
export function limitPipelining(endpoint: Endpoint) {
  const limit = new PipelineLimit(endpoint)
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    if (limit.admit(request.raw, reply.raw)) done()
    else reply.hijack()
  }
}
