import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isLevelEnabled } from '../telemetry/log-level.ts'
import { pathOf } from '../upstream/route-finder.ts'
import type { Mount } from './mount.ts'
import { isTold, tellRefusedRequest } from './observed.ts'

// Clients send tokens in the query, and Fastify writes the address of each request: when it comes, when its route
// fails, and in the words of some errors. So the routes of mounts have a logger of their own. It is silent below
// `warn`, because polls and floods of refused upgrades would fill the log, and cuts queries above it. In place of
// Fastify's lines each connection has one by telemetry, each poll one at `debug`, and each refusal one a second.

/** What pino knows its serializers by (`pino.symbols.serializersSym`). */
const SERIALIZERS = Symbol.for('pino.serializers')
/** The query of an address within a text. */
const QUERY = /\?[^\s"'<>`]+/g

/** The logger of a mount's requests; the logger itself where nothing is written. */
export function quietLogger(log: FastifyBaseLogger): FastifyBaseLogger {
  // Without a logger Fastify makes no children, as long as nobody sets how.
  if (log.child({}) === log) return log
  const level = isLevelEnabled(log, 'warn') ? 'warn' : log.level
  const { err } = serializersOf(log)
  return log.child(
    {},
    { level, serializers: { req: shownRequest, err: (error) => shownError(err, error), msg: withoutQuery } },
  )
}

/** Write a line for a request of a mount that neither its socket nor its transport has answered for. */
export function logRefusals(scope: FastifyInstance, mount: Mount): void {
  scope.addHook('onResponse', (request, reply, done) => {
    // A hook of the application has answered it, or its method is none of the route's.
    if (reply.statusCode >= 400 && !isTold(request)) tellRefusedRequest(mount, request, reply.statusCode)
    done()
  })
}

/** Write a line for each request of long-poll at `debug`; `shown` says how it was answered. */
export function logPolls(scope: FastifyInstance, mount: Mount, shown: (reply: FastifyReply) => object): void {
  if (!isLevelEnabled(scope.log, 'debug')) return
  scope.addHook('onResponse', (request, reply, done) => {
    const { id: reqId, method } = request
    const durationMs = Math.round(reply.elapsedTime * 1_000) / 1_000
    scope.log.debug({ reqId, path: mount.path, method, ...shown(reply), durationMs }, 'long-poll answered')
    done()
  })
}

function serializersOf(log: FastifyBaseLogger): { readonly err?: (error: Error) => unknown } {
  // Loggers other than pino have none.
  return (log as { readonly [SERIALIZERS]?: { readonly err?: (error: Error) => unknown } })[SERIALIZERS] ?? {}
}

/** In place of the serializer of the application, which may show more of it. */
function shownRequest({ id, method, url, ip }: FastifyRequest): object {
  return { id, method, url: pathOf(String(url)), remoteAddress: ip }
}

/** The error as the application shows errors, but without queries in its words. */
function shownError(show: ((error: Error) => unknown) | undefined, error: Error): unknown {
  const shown = show === undefined ? error : show(error)
  if (typeof shown !== 'object' || shown === null) return withoutQuery(shown)
  const { message, stack } = shown as Partial<Error>
  return { ...shown, message: withoutQuery(message), stack: withoutQuery(stack) }
}

function withoutQuery(text: unknown): unknown {
  return typeof text === 'string' ? text.replace(QUERY, '') : text
}
