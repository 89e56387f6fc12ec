import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'

/** Error code for each HTTP status. Programs use the code; `detail` is for people. */
const codes = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  421: 'misdirected',
  422: 'key_reused',
  429: 'rate_limited',
  500: 'internal',
  503: 'unavailable',
} as const

/** HTTP status that has its own error code. */
export type ProblemStatus = keyof typeof codes

/** Media type of every error (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json'

/** Body of every error (RFC 9457), with `code` as an addition. */
export const Problem = Type.Object(
  {
    status: Type.Integer({ description: 'Status of the response' }),
    code: Type.Enum(Object.values(codes), { description: 'Kind of error, for programs' }),
    title: Type.String({ description: 'HTTP reason phrase, such as Not Found' }),
    detail: Type.String({ description: 'Description of the error, for people' }),
  },
  { $id: 'Problem', description: 'An error, as application/problem+json (RFC 9457)' },
)

/** Error that refuses a request. Its message becomes the `detail` that the client sees. */
export class HttpError extends Error {
  readonly statusCode: ProblemStatus

  constructor(statusCode: ProblemStatus, detail: string) {
    super(detail)
    this.name = 'HttpError'
    this.statusCode = statusCode
  }
}

/** Create the body of an error. */
export function problem(status: number, detail: string) {
  // Plugins can respond with statuses that are not in `codes`.
  const code = codes[status as ProblemStatus] ?? codes[status < 500 ? 400 : 500]
  return { status, code, title: STATUS_CODES[status] ?? 'Error', detail }
}

/** Create the part of a route schema's `response` that describes errors with these statuses. */
export function problemResponses(...statuses: readonly ProblemStatus[]) {
  const content = { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } }
  return Object.fromEntries(statuses.map((status) => [status, { description: codes[status], content }]))
}

/** Respond to a request that failed. The client gets the message of a 5xx error only if the error is an HttpError. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const status = statusOf(error)
  const isMeantForClient = status < 500 || error instanceof HttpError
  if (!isMeantForClient) request.log.error({ err: error }, 'request failed')
  const detail = isMeantForClient && error instanceof Error ? error.message : 'The server failed.'
  // Send the body as text, so that a route's schema cannot change it.
  void reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problem(status, detail)))
}

/** Return the path of a request's URL, without the query, because the query can contain a token. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
}

/** Respond with 404 to a request for which there is no route. */
export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  answerError(new HttpError(404, `${request.method} ${pathOf(request.url)} does not exist.`), request, reply)
}

/** Statuses for malformed requests, by Node's error code. Other codes become a 400. */
const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** Respond to bytes that are not a valid HTTP request, and close the connection. */
export function answerClientError({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  // A closed connection needs no response.
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status = CLIENT_ERRORS[code] ?? 400
  const body = JSON.stringify(problem(status, 'The HTTP request is malformed, too large or incomplete.'))
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_TYPE}`
  socket.end(`${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, () =>
    socket.destroy(),
  )
}

/** Hook that refuses requests during a shutdown, with a 503 and a problem document (RFC 9457). */
export function refuseWhileDraining(request: FastifyRequest, reply: FastifyReply, done: DoneHook): void {
  const { server, routeOptions } = request
  if (!server.endpoint.isDraining || routeOptions.config.whileDraining) return done()
  reply.header('retry-after', 1).header('connection', 'close')
  done(new HttpError(503, 'This server is shutting down; retry on another one.'))
}

type DoneHook = (error?: Error) => void

function statusOf(error: unknown): number {
  const status = Object(error).statusCode
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500
}
