import { createRequire } from 'node:module'
import { pathOf } from './path.ts'

/** Inputs that select the format of the log. */
export type Surroundings = {
  /** The environment variable. */
  readonly nodeEnv: string | undefined
  /** Whether somebody reads along at a terminal. */
  readonly isTerminal: boolean
  /** Whether a package can be found. */
  readonly has: (name: string) => boolean
}

/** A request of Fastify, as much of it as is written. */
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

/** The options of the logger: JSON, but lines for people where a developer reads them at a terminal. */
export function loggerOptions(level: string, { nodeEnv, isTerminal, has }: Surroundings = here) {
  const options = { level, serializers: { req: requestLine } }
  if (nodeEnv === 'production' || !isTerminal || !has(PRETTY)) return options
  return { ...options, transport: { target: PRETTY, options: { ignore: 'pid,hostname' } } }
}

/** Log fields of a request, without its query: the params of a socket are logged in a filtered line. */
function requestLine({ method, url, host, ip, socket: { remotePort } }: Asked) {
  // Clients choose how long these are.
  const asked = {
    method,
    url: pathOf(url).slice(0, MAX_CHARACTERS),
    host: host.slice(0, MAX_CHARACTERS),
    remoteAddress: ip,
  }
  return remotePort === undefined ? asked : { ...asked, remotePort }
}

/** Whether a package can be found from here. */
export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    // It is for development, and not there in production.
    return false
  }
}
