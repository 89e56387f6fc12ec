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

/** All environment variables of the app, in the order in which `--help` lists them. */
const table = {
  port: wholeNumber('PORT', { fallback: 4000, max: 65_535, help: 'port to listen on' }),
  host: anyText('HOST', { fallback: '127.0.0.1', help: 'address to listen on' }),
  logLevel: oneOf('LOG_LEVEL', LOG_LEVELS, { fallback: 'info', help: LOG_LEVELS.join(', ') }),
  notifyEveryMs: wholeNumber('NOTIFY_EVERY_MS', {
    fallback: 5_000,
    help: 'milliseconds between background messages; 0 = off',
  }),
  redisUrl: redisUrl('REDIS_URL', {
    help: 'URL of the Redis that connects the nodes, e.g. redis://localhost:6379; if unset, a single node',
  }),
  redisPrefix: redisPrefix('REDIS_PREFIX', {
    help: 'prefix of all names in Redis; if unset, phx, or phx:db<n> for a database n other than 0',
  }),
  historyFile: optionalText('HISTORY_FILE', {
    help: 'file that hands the messages of the rooms over to the next start, without REDIS_URL; if unset, they end with the process',
  }),
  workers: processes('WORKERS', {
    help: 'worker processes that share the port; auto = one per core, 0 = a single process; also --workers',
  }),
  secret: secret('SECRET_KEY_BASE', {
    minLength: 20,
    help: 'secret for long-poll tokens, the same on all nodes; if unset, random without REDIS_URL, or derived from REDIS_URL; required in production with REDIS_URL',
  }),
  authSecret: secret('AUTH_SECRET', {
    minLength: 32,
    help: 'secret for the tokens of users, JWT (HS256) or Phoenix.Token; if unset, anybody can connect',
  }),
  authAudience: optionalText('AUTH_AUDIENCE', {
    help: 'required audience of tokens, the claim aud; if unset, any',
  }),
  authIssuer: optionalText('AUTH_ISSUER', {
    help: 'required issuer of tokens, the claim iss; if unset, any',
  }),
  devLogin: flag('DEV_LOGIN', {
    help: '1 = the page signs in anybody under any name, for development on this machine; requires AUTH_SECRET',
  }),
  allowAnonymous: flag('ALLOW_ANONYMOUS', {
    help: '1 = anybody can connect in production too, which otherwise requires AUTH_SECRET',
  }),
  apiToken: bearerToken('API_TOKEN', {
    minLength: 16,
    help: 'bearer token required for write requests and for /admin; if unset, none is required, and /admin does not exist',
  }),
  dashboardToken: bearerToken('DASHBOARD_TOKEN', {
    minLength: 16,
    help: 'token for /dashboard; if unset, the dashboard is disabled',
  }),
  allowedHosts: hostNames('ALLOWED_HOSTS', {
    help: 'allowed host names, * = any; if unset, loopback names for an open chat on 127.0.0.1, otherwise any',
  }),
  corsOrigins: origins('CORS_ORIGIN', {
    help: 'other origins whose pages can use the HTTP API, e.g. https://example.com',
  }),
  rateLimit: wholeNumber('RATE_LIMIT', {
    fallback: 6_000,
    help: 'maximum HTTP requests a minute from one address, not counting probes and sockets; 0 = no limit',
  }),
  requestTimeoutMs: wholeNumber('REQUEST_TIMEOUT_MS', {
    fallback: 30_000,
    help: 'milliseconds in which a request, including its body, must arrive; 0 = no limit',
  }),
  trustProxy: addresses('TRUST_PROXY', {
    help: 'addresses of the proxies whose X-Forwarded-For is trusted, e.g. 10.0.0.0/8,loopback',
  }),
  maxConnections: wholeNumber('MAX_CONNECTIONS', {
    fallback: 100_000,
    help: 'maximum connections of a process, above it clients are refused with 503; 0 = no limit',
  }),
  maxChannels: wholeNumber('MAX_CHANNELS', {
    fallback: 1_000_000,
    help: 'maximum joined rooms of all connections of a process; 0 = no limit',
  }),
  connectionRate: wholeNumber('CONNECTION_RATE', {
    fallback: 1_000,
    help: 'maximum connections a second from one address, with bursts of 20 times as many; 0 = no limit',
  }),
  messageRate: wholeNumber('MESSAGE_RATE', {
    fallback: 1_000,
    help: 'maximum messages a second over one connection, with bursts of 5 times as many; 0 = no limit',
  }),
  joinRate: wholeNumber('JOIN_RATE', {
    fallback: 100,
    help: 'maximum joins a second over one connection, with bursts of 10 times as many; 0 = no limit',
  }),
  maxLoopDelayMs: wholeNumber('MAX_LOOP_DELAY_MS', {
    fallback: 500,
    help: 'milliseconds of event-loop delay above which /readyz returns 503; 0 = never',
  }),
  metrics: flag('METRICS', {
    fallback: '1',
    help: '0 = do not serve Prometheus metrics at /metrics',
  }),
  readyRequiresEngine: flag('READY_REQUIRES_ENGINE', {
    help: '1 = /readyz returns 503 while the other nodes cannot be reached',
  }),
  shutdownDelayMs: wholeNumber('SHUTDOWN_DELAY_MS', {
    fallback: 0,
    help: 'milliseconds for which /readyz returns 503 before the server starts to shut down',
  }),
}

/** Settings in a list, for `--help` and the docs. */
export const settings: readonly Setting<unknown>[] = Object.values(table)

/** Settings of the app, by their keys. */
export type Settings = { readonly [K in keyof typeof table]: ReturnType<(typeof table)[K]['read']> }

/** Output of `npm start -- --help`. */
export const help = `Usage: npm start [-- --workers 4]

Starts the chat server. Environment variables configure it; the second column shows the defaults:
${columns(settings.map(({ name, fallback, help: meaning }) => [`  ${name}`, fallback, meaning]))}
`

/** Read the settings. @throws Error with one line that states what is wrong and what is allowed. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const read = Object.entries(table).map(([key, setting]) => [key, setting.read(env[setting.name])])
  // A cast, because the type of `fromEntries` does not keep the type of each key.
  const settings = Object.fromEntries(read) as Settings
  if (settings.workers > 0 && settings.redisUrl === null) {
    throw new Error(`WORKERS=${env['WORKERS']} requires REDIS_URL, which connects the worker processes`)
  }
  if (settings.historyFile !== null && settings.redisUrl !== null) {
    throw new Error(
      'HISTORY_FILE is for a single process and cannot be used with REDIS_URL, which keeps the messages',
    )
  }
  if (env['NODE_ENV'] === 'production' && settings.authSecret === null && !settings.allowAnonymous) {
    throw new Error('NODE_ENV=production requires AUTH_SECRET, or ALLOW_ANONYMOUS=1 to let anybody connect')
  }
  checkDevLogin(settings, env['NODE_ENV'] === 'production')
  // Require a secret: if it can be guessed, long-poll tokens can be forged.
  if (env['NODE_ENV'] === 'production' && settings.redisUrl !== null && settings.secret === null) {
    throw new Error('NODE_ENV=production with REDIS_URL requires SECRET_KEY_BASE, the same on all nodes')
  }
  // Allow all hosts in production. The default list protects only development servers, which a browser on the same
  // machine can reach.
  if (env['NODE_ENV'] === 'production' && settings.allowedHosts.length === 0) {
    return { ...settings, allowedHosts: ['*'] }
  }
  return settings
}

/** @throws Error if sign-in without a password is enabled where others could use it. */
function checkDevLogin({ devLogin, authSecret, host, trustProxy }: Settings, isProduction: boolean): void {
  if (!devLogin) return
  if (isProduction)
    throw new Error('DEV_LOGIN=1 is for development and cannot be used with NODE_ENV=production')
  if (authSecret === null) throw new Error('DEV_LOGIN=1 requires AUTH_SECRET, which signs its tokens')
  if (trustProxy.length > 0)
    throw new Error('DEV_LOGIN=1 is for this machine only: TRUST_PROXY must not be set')
  if (!isLoopback(host)) throw new Error(`DEV_LOGIN=1 requires HOST to be a loopback address (got ${host})`)
}

/** Format rows as lines. Each column is as wide as its longest cell. */
function columns(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? []
  const lines = rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '))
  return lines.map((line) => line.trimEnd()).join('\n')
}
