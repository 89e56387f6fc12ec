import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isLevelEnabled } from '../telemetry/log-level.ts'
import { pathOf } from '../upstream/route-finder.ts'
import { isLogged, logRefusedRequest } from './instrumentation.ts'
import type { Mount } from './mount.ts'

// Problem: clients send tokens in the query of the URL. Fastify logs the URL when a request arrives and when a route
// fails, and some error messages contain the URL. Polls and floods of refused upgrades would also fill the log.
//
// Approach: for the routes of mounts (socket paths), Fastify gets a quiet logger. The quiet logger drops lines below the level `warn`,
// and removes queries from the remaining lines. This package writes its own lines to the application's logger: one
// line per connection, one line per long-poll request (at `debug`), and at most one line per second for each kind of
// refusal.

/** Key of pino's serializers (`pino.symbols.serializersSym`). */
const SERIALIZERS = Symbol.for('pino.serializers')
/** Matches the query of each URL in a text. */
const QUERY = /\?[^\s"'<>`]+/g

/** Create the logger of a mount's requests. */
export function quietLogger(log: FastifyBaseLogger): FastifyBaseLogger {
  // If logging is off, `child` returns the logger itself, and no quiet logger is needed.
  if (log.child({}) === log) return log
  const level = isLevelEnabled(log, 'warn') ? 'warn' : log.level
  const { err } = serializersOf(log)
  return log.child(
    {},
    { level, serializers: { req: shownRequest, err: (error) => shownError(err, error), msg: withoutQuery } },
  )
}

/** Log each request of a mount that got an error status, unless it has already been logged. */
export function logRefusals(scope: FastifyInstance, mount: Mount): void {
  scope.addHook('onResponse', (request, reply, done) => {
    if (reply.statusCode >= 400 && !isLogged(request)) logRefusedRequest(mount, request, reply.statusCode)
    done()
  })
}

/** Log each long-poll request at `debug`; `shown` returns the fields to log about the answer. */
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
  // Loggers other than pino have no serializers.
  return (log as { readonly [SERIALIZERS]?: { readonly err?: (error: Error) => unknown } })[SERIALIZERS] ?? {}
}

/** Serializer of requests. It replaces the application's serializer, which may show the query. */
function shownRequest({ id, method, url, ip }: FastifyRequest): object {
  return { id, method, url: pathOf(String(url)), remoteAddress: ip }
}

/** Serialize an error with the application's serializer. Removes URL queries from the message and the stack. */
function shownError(show: ((error: Error) => unknown) | undefined, error: Error): unknown {
  const shown = show === undefined ? error : show(error)
  if (typeof shown !== 'object' || shown === null) return withoutQuery(shown)
  const { message, stack } = shown as Partial<Error>
  return { ...shown, message: withoutQuery(message), stack: withoutQuery(stack) }
}

function withoutQuery(text: unknown): unknown {
  return typeof text === 'string' ? text.replace(QUERY, '') : text
}
