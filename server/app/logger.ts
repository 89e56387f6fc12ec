import { createRequire } from 'node:module'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { pathOf } from './errors.ts'

/** Inputs that select the format of the log. Defaults: the values of this process. */
export type Surroundings = {
  readonly nodeEnv?: string | undefined
  readonly isTerminal?: boolean
  readonly has?: (packageName: string) => boolean
}

/** Properties of a Fastify request that are logged. */
type Request = Pick<FastifyRequest, 'method' | 'url' | 'host' | 'ip' | 'socket'>

const PRETTY = 'pino-pretty'
/** Maximum number of characters of a path or host in the log. A limit is needed, because clients choose the length. */
const MAX_CHARACTERS = 256
/** Minimum number of milliseconds between two lines about refusals with the same status. */
const INTERVAL_MS = 1_000

/**
 * Return the options of the logger. The format is JSON, or readable lines if a developer runs the server at a terminal.
 */
export function loggerOptions(
  level: string,
  {
    nodeEnv = process.env['NODE_ENV'],
    isTerminal = process.stdout.isTTY,
    has = isInstalled,
  }: Surroundings = {},
) {
  const options = { level, serializers: { req: requestLine } }
  if (nodeEnv === 'production' || !isTerminal || !has(PRETTY)) return options
  return { ...options, transport: { target: PRETTY, options: { ignore: 'pid,hostname' } } }
}

/** Return the log fields of a request, without the query, because the query can contain a token. */
function requestLine({ method, url, host, ip, socket: { remotePort } }: Request) {
  const path = pathOf(url).slice(0, MAX_CHARACTERS)
  const shown = { method, url: path, host: host.slice(0, MAX_CHARACTERS), remoteAddress: ip }
  return remotePort === undefined ? shown : { ...shown, remotePort }
}

/** Returns true if a package can be found from this module. */
export function isInstalled(name: string): boolean {
  try {
    return createRequire(import.meta.url).resolve(name) !== ''
  } catch {
    // `resolve` throws if the package is not installed.
    return false
  }
}

/**
 * Log one line for each response, but at most one line per second for each 4xx status, because clients could fill the
 * log with refused requests. The line has the number of refusals since the previous line of this status.
 */
export function logRequests(app: FastifyInstance): void {
  /** For each 4xx status: time of the latest log line, and number of refusals since this line. */
  const refusals = new Map<number, { writtenAt: number; count: number }>()
  app.addHook('onResponse', async (request, reply) => {
    const { statusCode, elapsedTime: responseTime } = reply
    const line = { req: request, res: reply, responseTime }
    if (statusCode < 400 || statusCode >= 500) return request.log.info(line, 'request completed')
    const { writtenAt, count } = refusals.get(statusCode) ?? { writtenAt: -INTERVAL_MS, count: 0 }
    const now = performance.now()
    const isDue = now - writtenAt >= INTERVAL_MS
    refusals.set(statusCode, isDue ? { writtenAt: now, count: 0 } : { writtenAt, count: count + 1 })
    if (isDue) request.log.info({ ...line, count: count + 1 }, 'request refused')
  })
  app.addHook('onClose', async () => {
    for (const [statusCode, { count }] of refusals) {
      if (count > 0) app.log.info({ statusCode, count }, 'request refused')
    }
  })
}
