import { createRequire } from 'node:module'
import { pathOf } from './path.ts'

/** Inputs that select the format of the log. */
export type Surroundings = {
  /** Value of the environment variable NODE_ENV. */
  readonly nodeEnv: string | undefined
  /** True if the log is written to a terminal. */
  readonly isTerminal: boolean
  /** Returns true if a package is installed. */
  readonly has: (name: string) => boolean
}

/** Part of a Fastify request that is logged. */
type Asked = {
  readonly method: string
  readonly url: string
  readonly host: string
  readonly ip: string
  readonly socket: { readonly remotePort?: number | undefined }
}

const here: Surroundings = {
  nodeEnv: process.env['NODE_ENV'],
  isTerminal: process.stdout.isTTY,
  has: isInstalled,
}

const PRETTY = 'pino-pretty'
const MAX_CHARACTERS = 256

/** Options of the logger. The log is JSON, but readable lines at a developer's terminal. */
export function loggerOptions(level: string, { nodeEnv, isTerminal, has }: Surroundings = here) {
  const options = { level, serializers: { req: requestLine } }
  if (nodeEnv === 'production' || !isTerminal || !has(PRETTY)) return options
  return { ...options, transport: { target: PRETTY, options: { ignore: 'pid,hostname' } } }
}

/** Log fields of a request, without its query. The params of a socket are logged in another line, which is filtered. */
function requestLine({ method, url, host, ip, socket: { remotePort } }: Asked) {
  // Limit the lengths, because clients choose them.
  const asked = {
    method,
    url: pathOf(url).slice(0, MAX_CHARACTERS),
    host: host.slice(0, MAX_CHARACTERS),
    remoteAddress: ip,
  }
  return remotePort === undefined ? asked : { ...asked, remotePort }
}

/** Returns true if a package can be found from this module. */
export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    // Packages for development are not installed in production.
    return false
  }
}
