import { isLoopback } from './hosts.ts'
import {
  addresses,
  anyText,
  bearerToken,
  flag,
  hostNames,
  oneOf,
  optionalText,
  origins,
  processes,
  redisPrefix,
  redisUrl,
  type Setting,
  secret,
  wholeNumber,
} from './setting.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** Every environment variable of the app, in the order in which `--help` lists them. */
const table = {
  port: wholeNumber('PORT', { fallback: 4000, max: 65_535, help: 'port to listen on' }),
  host: anyText('HOST', { fallback: '127.0.0.1', help: 'address to listen on' }),
  logLevel: oneOf('LOG_LEVEL', LOG_LEVELS, { fallback: 'info', help: LOG_LEVELS.join(', ') }),
  notifyEveryMs: wholeNumber('NOTIFY_EVERY_MS', {
    fallback: 5_000,
    help: 'milliseconds between background messages, 0 = none',
  }),
  redisUrl: redisUrl('REDIS_URL', {
    help: 'Redis where nodes meet, e.g. redis://localhost:6379; not set: this node is alone',
  }),
  redisPrefix: redisPrefix('REDIS_PREFIX', {
    help: 'prefix of all names in Redis; not set: phx, or phx:db<n> for a database n other than 0',
  }),
  workers: processes('WORKERS', {
    help: 'processes that share the port, auto = one on each core, 0 = this one alone; also --workers',
  }),
  secret: secret('SECRET_KEY_BASE', {
    minLength: 20,
    help: 'signs long-poll tokens, the same on all nodes; not set: made of REDIS_URL, in production an error, or a random one',
  }),
  authSecret: secret('AUTH_SECRET', {
    minLength: 32,
    help: 'signs the tokens of users, JWT (HS256) or Phoenix.Token; not set: anybody may connect',
  }),
  authAudience: optionalText('AUTH_AUDIENCE', {
    help: 'required audience of tokens, the claim aud; not set: any',
  }),
  authIssuer: optionalText('AUTH_ISSUER', {
    help: 'required issuer of tokens, the claim iss; not set: any',
  }),
  devLogin: flag('DEV_LOGIN', {
    help: '1: the page signs in anybody under any name, for development on this machine; needs AUTH_SECRET',
  }),
  allowAnonymous: flag('ALLOW_ANONYMOUS', {
    help: '1: anybody may connect also in production, where AUTH_SECRET is needed otherwise',
  }),
  apiToken: secret('API_TOKEN', {
    minLength: 16,
    help: 'what requests that write must show as their bearer token; not set: nothing',
  }),
  dashboardToken: bearerToken('DASHBOARD_TOKEN', {
    minLength: 16,
    help: 'opens /dashboard, where the server is seen at work; not set: there is none',
  }),
  allowedHosts: hostNames('ALLOWED_HOSTS', {
    help: 'host names that are answered, * = any; not set: loopback names for an open chat on 127.0.0.1, else any',
  }),
  corsOrigins: origins('CORS_ORIGIN', {
    help: 'other origins whose pages may use the HTTP API, e.g. https://example.com',
  }),
  rateLimit: wholeNumber('RATE_LIMIT', {
    fallback: 6_000,
    help: 'HTTP requests a minute from one address, without probes and sockets, 0 = no limit',
  }),
  requestTimeoutMs: wholeNumber('REQUEST_TIMEOUT_MS', {
    fallback: 30_000,
    help: 'milliseconds in which a request with its body must arrive, 0 = no limit',
  }),
  trustProxy: addresses('TRUST_PROXY', {
    help: 'addresses of the proxies whose X-Forwarded-For is believed, e.g. 10.0.0.0/8,loopback',
  }),
  maxConnections: wholeNumber('MAX_CONNECTIONS', {
    fallback: 100_000,
    help: 'connections of a process, above it clients are refused with 503, 0 = no limit',
  }),
  maxChannels: wholeNumber('MAX_CHANNELS', {
    fallback: 1_000_000,
    help: 'joined rooms of all connections of a process, 0 = no limit',
  }),
  connectionRate: wholeNumber('CONNECTION_RATE', {
    fallback: 1_000,
    help: 'connections a second from one address, and 20 times as many at once, 0 = no limit',
  }),
  messageRate: wholeNumber('MESSAGE_RATE', {
    fallback: 1_000,
    help: 'messages a second over one connection, and 5 times as many at once, 0 = no limit',
  }),
  joinRate: wholeNumber('JOIN_RATE', {
    fallback: 100,
    help: 'joins a second over one connection, and 10 times as many at once, 0 = no limit',
  }),
  maxLoopDelayMs: wholeNumber('MAX_LOOP_DELAY_MS', {
    fallback: 500,
    help: 'milliseconds of event-loop delay above which /readyz is red, 0 = never',
  }),
  metrics: flag('METRICS', {
    fallback: '1',
    help: '0: /metrics, the figures for Prometheus, is not served',
  }),
  readyRequiresEngine: flag('READY_REQUIRES_ENGINE', {
    help: '1: /readyz is red while the other nodes cannot be reached',
  }),
  shutdownDelayMs: wholeNumber('SHUTDOWN_DELAY_MS', {
    fallback: 0,
    help: 'milliseconds for which /readyz is red before the server begins to close',
  }),
}

/** The settings by their names, for `--help` and the docs. */
export const settings: readonly Setting<unknown>[] = Object.values(table)

/** How the app runs. */
export type Settings = { readonly [K in keyof typeof table]: ReturnType<(typeof table)[K]['read']> }

/** What `npm start -- --help` prints. */
export const help = `Usage: npm start [-- --workers 4]

Serves the chat. It is set up by environment variables; the second column is what holds if one is not set:
${columns(settings.map(({ name, fallback, help: meaning }) => [`  ${name}`, fallback, meaning]))}
`

/** Read the settings. @throws Error with one line that says what is wrong and what is legal. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const read = Object.entries(table).map(([key, setting]) => [key, setting.read(env[setting.name])])
  // Each key has what its setting reads, which `fromEntries` cannot say.
  const settings = Object.fromEntries(read) as Settings
  if (settings.workers > 0 && settings.redisUrl === null) {
    throw new Error(`WORKERS=${env['WORKERS']} needs REDIS_URL, where the worker processes meet`)
  }
  if (env['NODE_ENV'] === 'production' && settings.authSecret === null && !settings.allowAnonymous) {
    throw new Error('NODE_ENV=production needs AUTH_SECRET, or ALLOW_ANONYMOUS=1 to let anybody connect')
  }
  checkDevLogin(settings, env['NODE_ENV'] === 'production')
  // Long-poll tokens signed with a secret that can be guessed could be forged.
  if (env['NODE_ENV'] === 'production' && settings.redisUrl !== null && settings.secret === null) {
    throw new Error('NODE_ENV=production with REDIS_URL needs SECRET_KEY_BASE, the same on all nodes')
  }
  // The list is for development, where a browser reaches what only this machine should.
  if (env['NODE_ENV'] === 'production' && settings.allowedHosts.length === 0) {
    return { ...settings, allowedHosts: ['*'] }
  }
  return settings
}

/** @throws Error if the sign-in without a password is on where others could use it. */
function checkDevLogin({ devLogin, authSecret, host, trustProxy }: Settings, isProduction: boolean): void {
  if (!devLogin) return
  if (isProduction) throw new Error('DEV_LOGIN=1 is for development: NODE_ENV=production refuses it')
  if (authSecret === null) throw new Error('DEV_LOGIN=1 needs AUTH_SECRET, which signs its tokens')
  if (trustProxy.length > 0)
    throw new Error('DEV_LOGIN=1 is for this machine alone: TRUST_PROXY must not be set')
  if (!isLoopback(host)) throw new Error(`DEV_LOGIN=1 needs HOST to be a loopback address (got ${host})`)
}

/** Lines whose columns are as wide as their longest cells. */
function columns(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? []
  const lines = rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '))
  return lines.map((line) => line.trimEnd()).join('\n')
}
