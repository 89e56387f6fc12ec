import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RETRY_AFTER_SECONDS } from '../upstream/upgrade-gate.ts'

// Helpers for one request and its response, where HTTP/1 and HTTP/2 differ. Over HTTP/1 a request has the connection to
// itself. Over HTTP/2 a request has a stream of its own, and several requests share one connection. So over HTTP/2 this
// file uses the stream, not `request.socket`.

/**
 * Call `written` when Node reports that the whole response has been written. `written` is not called if the client
 * hangs up first.
 */
export function onceWritten({ request, raw }: FastifyReply, written: () => void): void {
  const stream = streamOf(request)
  // Listen on the stream: if the stream breaks off, Node still emits `finish` on the response, but not on the stream.
  if (stream !== null) return void stream.once('finish', written)
  const { socket } = request.raw
  raw.once('finish', () => {
    // Node also emits `finish` after the connection has broken.
    if (!socket.destroyed) written()
  })
}

/**
 * Return a signal that aborts when the response is closed. The response is closed when the client hangs up, or when
 * the response is complete.
 */
export function hangUpSignal({ request, raw }: FastifyReply): AbortSignal {
  const hungUp = new AbortController()
  raw.once('close', () => hungUp.abort())
  // The client may have hung up while hooks of the application ran.
  if ((streamOf(request) ?? request.raw.socket).destroyed) hungUp.abort()
  return hungUp.signal
}

/**
 * Close the connection (over HTTP/2, the stream) after this response, without reading the rest of the request's body.
 */
export function abandonBody(reply: FastifyReply): FastifyReply {
  const stream = streamOf(reply.request)
  if (stream === null) return reply.header('connection', 'close')
  // Close the stream in a later event-loop turn. When Node 22 emits `finish`, data may still be queued, and `close`
  // would drop this data.
  stream.once('finish', () => setImmediate(() => stream.close()))
  return reply
}

/** Answer 503 without a body, because the server stops (LONGPOLL-10). */
export function sendStopping(reply: FastifyReply): FastifyReply {
  reply.code(503).header('retry-after', RETRY_AFTER_SECONDS)
  return abandonBody(reply).send()
}

/** HTTP/2 stream of a request; null over HTTP/1. */
function streamOf({ raw }: FastifyRequest): ServerHttp2Stream | null {
  // The cast is safe: over HTTP/2, Node's request has a `stream`. Fastify's type describes only HTTP/1 requests.
  return (raw as { readonly stream?: ServerHttp2Stream }).stream ?? null
}
