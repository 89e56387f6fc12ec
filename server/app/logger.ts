import { createRequire } from 'node:module'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { pathOf } from './errors.ts'

/** Inputs that select the format of the log; by default those of this process. */
export type Surroundings = {
  readonly nodeEnv?: string | undefined
  readonly isTerminal?: boolean
  readonly has?: (packageName: string) => boolean
}

/** A request of Fastify, as far as it is logged. */
type Request = Pick<FastifyRequest, 'method' | 'url' | 'host' | 'ip' | 'socket'>

const PRETTY = 'pino-pretty'
/** Characters of a path or host in the log; clients choose how long these are. */
const MAX_CHARACTERS = 256
/** Minimum milliseconds between two lines about refusals with one status. */
const INTERVAL_MS = 1_000

/** The options of the logger: JSON, but lines for people where a developer reads them at a terminal. */
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

/** Log fields of a request, without its query, where a token may be. */
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
    // Packages for development are absent in production.
    return false
  }
}

/**
 * Write one line for each request that was answered. Clients can have requests refused as often as they like, so
 * refusals have at most one line a second of each status, with the number of refusals since the line before.
 */
export function logRequests(app: FastifyInstance): void {
  /** Time of the latest line of each status, and the number of refusals since. */
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
