import fastify from 'fastify'
import { expect, test } from 'vitest'
import { isLevelEnabled, logLevel } from '../../../server/telemetry/log-level.ts'

test.each([
  ['debug', ['debug', 'info', 'warn']],
  ['info', ['info', 'warn']],
  ['error', []],
  ['silent', []],
])('a logger of the level %s writes %j', (level, written) => {
  const { log } = fastify({ logger: { level } })
  const levels = ['debug', 'info', 'warn'] as const
  expect(levels.filter((one) => isLevelEnabled(log, one))).toEqual(written)
  expect(levels.filter((one) => isLevelEnabled({ level }, one))).toEqual(written)
})

test("a logger without levels writes nothing, like Fastify's with `logger: false`", () => {
  expect(isLevelEnabled(fastify().log, 'warn')).toBe(false)
})

test('a log option is a level or false', () => {
  expect([logLevel('debug'), logLevel(false)]).toEqual([null, null])
  expect(logLevel('loud')?.words).toBe('must be "debug", "info", "warn" or false (got "loud")')
})
