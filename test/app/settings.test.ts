import { expect, test } from 'vitest'
import { help, readSettings, settings } from '../../server/app/settings.ts'

test('has a default for everything', () => {
  expect(readSettings({})).toEqual({
    port: 4000,
    host: '127.0.0.1',
    logLevel: 'info',
    notifyEveryMs: 5_000,
    redisUrl: null,
    redisPrefix: null,
    historyFile: null,
    workers: 0,
    secret: null,
    authSecret: null,
    authAudience: null,
    authIssuer: null,
    devLogin: false,
    allowAnonymous: false,
    apiToken: null,
    dashboardToken: null,
    allowedHosts: [],
    corsOrigins: [],
    rateLimit: 6_000,
    requestTimeoutMs: 30_000,
    trustProxy: [],
    maxConnections: 100_000,
    maxChannels: 1_000_000,
    connectionRate: 1_000,
    messageRate: 1_000,
    joinRate: 100,
    maxLoopDelayMs: 500,
    metrics: true,
    readyRequiresEngine: false,
    shutdownDelayMs: 0,
  })
})

test('an unset setting has the same value as its documented default', () => {
  const written = settings.filter(({ fallback }) => fallback !== '')
  const env = Object.fromEntries(written.map(({ name, fallback }) => [name, fallback]))
  expect(readSettings(env)).toEqual(readSettings({}))
})

test('reads the environment', () => {
  const env = { PORT: '80', HOST: '0.0.0.0', NOTIFY_EVERY_MS: '0', LOG_LEVEL: 'warn' }
  expect(readSettings(env)).toMatchObject({ port: 80, host: '0.0.0.0', notifyEveryMs: 0, logLevel: 'warn' })
})

test('an empty host means the default', () => {
  expect(readSettings({ HOST: '' }).host).toBe('127.0.0.1')
})

test.each(['0', '1', '65535'])('a port can be %s', (port) => {
  expect(readSettings({ PORT: port }).port).toBe(Number(port))
})

test.each(['abc', '', '-1', '1.5', '65536', '0x10', '1e3', ' 80', 'Infinity'])(
  'a port cannot be %j',
  (port) => {
    expect(() => readSettings({ PORT: port })).toThrow(
      `PORT must be a whole number from 0 to 65535 (got ${JSON.stringify(port)})`,
    )
  },
)

test.each(['never', '-5', '2147483648'])('an interval cannot be %j', (every) => {
  expect(() => readSettings({ NOTIFY_EVERY_MS: every })).toThrow(
    `NOTIFY_EVERY_MS must be a whole number from 0 to 2147483647 (got ${JSON.stringify(every)})`,
  )
})

test.each(['loud', '', 'INFO', 'toString'])('a log level cannot be %j', (level) => {
  expect(() => readSettings({ LOG_LEVEL: level })).toThrow(
    `LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent (got ${JSON.stringify(level)})`,
  )
})

test.each(settings)('--help lists $name and its default', ({ name, fallback, help: meaning }) => {
  const line = help.split('\n').find((one) => one.startsWith(`  ${name} `)) ?? ''
  expect(line.replace(/ +/g, ' ')).toBe([` ${name}`, fallback, meaning].filter(Boolean).join(' '))
})

test('in production the secret of long-poll is not derived from the address of Redis', () => {
  const env = { NODE_ENV: 'production', ALLOW_ANONYMOUS: '1', REDIS_URL: 'redis://redis:6379' }
  expect(() => readSettings(env)).toThrow(
    'NODE_ENV=production with REDIS_URL requires SECRET_KEY_BASE, the same on all nodes',
  )
  expect(() => readSettings({ ...env, WORKERS: '2' })).toThrow(/SECRET_KEY_BASE/)
  const secret = 'twenty bytes at least'.replaceAll(' ', '-')
  expect(readSettings({ ...env, SECRET_KEY_BASE: secret })).toMatchObject({ secret })
  expect(readSettings({ ...env, REDIS_URL: '' })).toMatchObject({ secret: null })
  expect(readSettings({ ...env, NODE_ENV: 'development' })).toMatchObject({ secret: null })
})

test('several worker processes require Redis', () => {
  expect(() => readSettings({ WORKERS: '4' })).toThrow(
    'WORKERS=4 (or --workers) requires REDIS_URL, which connects the worker processes',
  )
  const env = { WORKERS: '4', REDIS_URL: 'redis://localhost:6379' }
  expect(readSettings(env)).toMatchObject({ workers: 4, redisUrl: 'redis://localhost:6379' })
})

test('sign-in without a password is allowed only for development on one machine', () => {
  const env = { DEV_LOGIN: '1', AUTH_SECRET: 'x'.repeat(32) }
  expect(readSettings(env)).toMatchObject({ devLogin: true })
  expect(readSettings({ ...env, HOST: '::1' })).toMatchObject({ devLogin: true })
  for (const [more, message] of [
    [
      { NODE_ENV: 'production' },
      'DEV_LOGIN=1 is for development and cannot be used with NODE_ENV=production',
    ],
    [{ AUTH_SECRET: undefined }, 'DEV_LOGIN=1 requires AUTH_SECRET, which signs the tokens of users'],
    [{ HOST: '0.0.0.0' }, 'DEV_LOGIN=1 requires HOST to be a loopback address (got 0.0.0.0)'],
    [
      { TRUST_PROXY: '10.0.0.1' },
      'DEV_LOGIN=1 cannot be used with TRUST_PROXY, because other machines could sign in through a proxy',
    ],
  ] as const) {
    expect(() => readSettings({ ...env, ...more })).toThrow(message)
  }
})

test('a history file requires a single process', () => {
  expect(readSettings({ HISTORY_FILE: '/var/lib/chat/history' }).historyFile).toBe('/var/lib/chat/history')
  expect(() => readSettings({ HISTORY_FILE: 'history', REDIS_URL: 'redis://localhost' })).toThrow(
    'HISTORY_FILE is for a single process and cannot be used with REDIS_URL',
  )
})
