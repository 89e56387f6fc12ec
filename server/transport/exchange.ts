import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RETRY_AFTER_SECONDS } from '../upstream/upgrade-gate.ts'

// One request and its answer, where HTTP/1 and HTTP/2 differ. Over HTTP/1 a request has the connection for
// itself. Over HTTP/2 it has a stream; its `socket` stands for a connection that other requests share, so
// nothing is asked of it here.

/** Call back when the network has taken the whole answer; never if the client hangs up before. */
export function onceWritten({ request, raw }: FastifyReply, written: () => void): void {
  const stream = streamOf(request)
  // Node tells `finish` of the answer also when a stream breaks off; of the stream only when it has ended.
  if (stream !== null) return void stream.once('finish', written)
  const { socket } = request.raw
  raw.once('finish', () => {
    // Node says so of a connection that has broken, too.
    if (!socket.destroyed) written()
  })
}

/** Aborts when the client hangs up before it has its answer. */
export function hangUpSignal({ request, raw }: FastifyReply): AbortSignal {
  const hungUp = new AbortController()
  raw.once('close', () => hungUp.abort())
  // Hooks of the application may have taken their time.
  if ((streamOf(request) ?? request.raw.socket).destroyed) hungUp.abort()
  return hungUp.signal
}

/** Close the connection after this answer, over HTTP/2 the stream: the rest of the body is not read. */
export function abandonBody(reply: FastifyReply): FastifyReply {
  const stream = streamOf(reply.request)
  if (stream === null) return reply.header('connection', 'close')
  stream.once('finish', () => stream.close())
  return reply
}

/** Answer that the server stops, without a body (LONGPOLL-10). */
export function sendStopping(reply: FastifyReply): FastifyReply {
  reply.code(503).header('retry-after', RETRY_AFTER_SECONDS)
  return abandonBody(reply).send()
}

/** Null over HTTP/1. */
function streamOf({ raw }: FastifyRequest): ServerHttp2Stream | null {
  // The type of a request knows HTTP/1 alone; what Node gives has a stream over HTTP/2.
  return (raw as { readonly stream?: ServerHttp2Stream }).stream ?? null
}
