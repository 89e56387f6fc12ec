import { isLoopback } from './hosts.ts'
import {
  addresses,
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
  setting,
  text,
  wholeNumber,
} from './setting.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** All environment variables of the app, in the order in which `--help` lists them. */
const table = {
  port: setting('PORT', wholeNumber(4000, 65_535), { help: 'port to listen on' }),
  host: setting('HOST', text('127.0.0.1'), { help: 'address to listen on' }),
  logLevel: setting('LOG_LEVEL', oneOf(LOG_LEVELS, 'info'), { help: LOG_LEVELS.join(', ') }),
  notifyEveryMs: setting('NOTIFY_EVERY_MS', wholeNumber(5_000), {
    help: 'milliseconds between the messages that the server itself sends to the rooms "global" and "lobby"; 0 = off',
  }),
  redisUrl: setting('REDIS_URL', redisUrl, {
    help: 'URL of the Redis that connects the nodes, e.g. redis://localhost:6379; if unset, the server runs as a single node',
  }),
  redisPrefix: setting('REDIS_PREFIX', redisPrefix, {
    help: 'prefix of all names in Redis; if unset, phx in database 0, and phx:db<n> in any other database n',
  }),
  historyFile: setting('HISTORY_FILE', optionalText, {
    help: 'file that keeps messages for the next start, not allowed with REDIS_URL; if both are unset, messages are lost when the process ends',
  }),
  workers: setting('WORKERS', processes, {
    help: 'worker processes that share the port; auto = one per core, 0 = a single process; can also be set with --workers',
  }),
  secret: setting('SECRET_KEY_BASE', secret(20), {
    help: 'secret for long-poll tokens, the same on all nodes; required in production with REDIS_URL, optional elsewhere',
  }),
  authSecret: setting('AUTH_SECRET', secret(32), {
    help: 'secret that signs the tokens of users (JWT with HS256, or Phoenix.Token); if unset, anybody can connect; required in production, unless ALLOW_ANONYMOUS=1',
  }),
  authAudience: setting('AUTH_AUDIENCE', optionalText, {
    help: 'audience that a token must have (claim aud); if unset, any audience is accepted',
  }),
  authIssuer: setting('AUTH_ISSUER', optionalText, {
    help: 'issuer that a token must have (claim iss); if unset, any issuer is accepted',
  }),
  devLogin: setting('DEV_LOGIN', flag(), {
    help: '1 = the page signs in anybody under any name, for development on this machine; requires AUTH_SECRET',
  }),
  allowAnonymous: setting('ALLOW_ANONYMOUS', flag(), {
    help: '1 = a production server starts even if AUTH_SECRET is unset; then anybody can connect',
  }),
  apiToken: setting('API_TOKEN', bearerToken(16), {
    help: 'bearer token required for write requests and for /admin; if unset, write requests need no API token, and /admin does not exist',
  }),
  dashboardToken: setting('DASHBOARD_TOKEN', bearerToken(16), {
    help: 'token for /dashboard; if unset, the dashboard is disabled',
  }),
  allowedHosts: setting('ALLOWED_HOSTS', hostNames, {
    help: 'allowed host names, * = any; if unset, a local development server without access control allows only loopback names, and any other server allows all names',
  }),
  corsOrigins: setting('CORS_ORIGIN', origins, {
    help: 'other origins whose pages can use the HTTP API, e.g. https://example.com',
  }),
  rateLimit: setting('RATE_LIMIT', wholeNumber(6_000), {
    help: 'maximum HTTP requests a minute from one address to one process; probes, WebSockets and long-polls do not count; 0 = no limit',
  }),
  requestTimeoutMs: setting('REQUEST_TIMEOUT_MS', wholeNumber(30_000), {
    help: 'milliseconds in which a request, including its body, must arrive; 0 = no limit',
  }),
  trustProxy: setting('TRUST_PROXY', addresses, {
    help: 'addresses of the proxies whose X-Forwarded-For is trusted, e.g. 10.0.0.0/8,loopback',
  }),
  maxConnections: setting('MAX_CONNECTIONS', wholeNumber(100_000), {
    help: 'maximum connections of a process; further clients are refused with 503; 0 = no limit',
  }),
  maxChannels: setting('MAX_CHANNELS', wholeNumber(1_000_000), {
    help: 'maximum channels of a process; each room that a connection has joined counts as one; 0 = no limit',
  }),
  connectionRate: setting('CONNECTION_RATE', wholeNumber(1_000), {
    help: 'maximum connections a second from one address to one process, on average; a burst may have up to 20 times as many; 0 = no limit',
  }),
  messageRate: setting('MESSAGE_RATE', wholeNumber(1_000), {
    help: 'maximum messages a second from the client of one connection, on average; a burst may have 5 times as many; 0 = no limit',
  }),
  joinRate: setting('JOIN_RATE', wholeNumber(100), {
    help: 'maximum number of joins per second over one connection, on average; a burst may have 10 times as many; 0 = no limit',
  }),
  maxLoopDelayMs: setting('MAX_LOOP_DELAY_MS', wholeNumber(500), {
    help: 'milliseconds of event-loop delay above which /readyz returns 503; 0 = never',
  }),
  metrics: setting('METRICS', flag('1'), { help: '0 = do not serve Prometheus metrics at /metrics' }),
  readyRequiresEngine: setting('READY_REQUIRES_ENGINE', flag(), {
    help: '1 = /readyz returns 503 while Redis, and so the other nodes, cannot be reached',
  }),
  shutdownDelayMs: setting('SHUTDOWN_DELAY_MS', wholeNumber(0), {
    help: 'milliseconds for which /readyz returns 503 before the server starts to shut down',
  }),
}

/** Settings in a list, for `--help` and the docs. */
export const settings: readonly Setting<unknown>[] = Object.values(table)

/** Settings of the app, by their keys. */
export type Settings = { readonly [K in keyof typeof table]: ReturnType<(typeof table)[K]['read']> }

const lines = settings.map(({ name, fallback, help }) => `  ${name.padEnd(23)}${fallback.padEnd(11)}${help}`)

/** Output of `npm start -- --help`. */
export const help = `Usage: npm start [-- --workers 4]

Starts the chat server. Environment variables configure it; the second column shows the defaults:
${lines.join('\n')}
`

type Env = Readonly<Record<string, string | undefined>>

/** Read the settings. @throws Error with one line that states what is wrong and what is allowed. */
export function readSettings(env: Env): Settings {
  const entries = Object.entries(table).map(([key, { name, read }]) => [key, read(env[name])])
  // The cast is safe: `entries` has one value for each key of `table`.
  const settings = Object.fromEntries(entries) as Settings
  checkNodes(settings, env)
  checkUsers(settings, env)
  // If ALLOWED_HOSTS is unset in production, allow every host.
  const isAnyHost = isProduction(env) && settings.allowedHosts.length === 0
  return isAnyHost ? { ...settings, allowedHosts: ['*'] } : settings
}

function checkNodes({ workers, redisUrl, historyFile, secret }: Settings, env: Env): void {
  if (workers > 0 && redisUrl === null)
    throw new Error(
      `WORKERS=${env['WORKERS']} (or --workers) requires REDIS_URL, which connects the worker processes`,
    )
  if (historyFile !== null && redisUrl !== null)
    throw new Error('HISTORY_FILE is for a single process and cannot be used with REDIS_URL')
  // Require a secret, because the default secret can be guessed: anybody could then forge long-poll tokens.
  if (isProduction(env) && redisUrl !== null && secret === null)
    throw new Error('NODE_ENV=production with REDIS_URL requires SECRET_KEY_BASE, the same on all nodes')
}

function checkUsers({ allowAnonymous, authSecret, devLogin, host, trustProxy }: Settings, env: Env): void {
  if (isProduction(env) && authSecret === null && !allowAnonymous)
    throw new Error('NODE_ENV=production requires AUTH_SECRET, or ALLOW_ANONYMOUS=1 to let anybody connect')
  if (!devLogin) return
  if (isProduction(env))
    throw new Error('DEV_LOGIN=1 is for development and cannot be used with NODE_ENV=production')
  if (authSecret === null)
    throw new Error('DEV_LOGIN=1 requires AUTH_SECRET, which signs the tokens of users')
  if (trustProxy.length > 0)
    throw new Error(
      'DEV_LOGIN=1 cannot be used with TRUST_PROXY, because other machines could sign in through a proxy',
    )
  if (!isLoopback(host)) throw new Error(`DEV_LOGIN=1 requires HOST to be a loopback address (got ${host})`)
}

function isProduction(env: Env): boolean {
  return env['NODE_ENV'] === 'production'
}
