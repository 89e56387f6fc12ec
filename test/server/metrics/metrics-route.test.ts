import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, phoenix } from '../../../server/index.ts'
import { type MetricsRouteOptions, metricsRoute } from '../../../server/metrics/index.ts'
import { readMetrics } from '../../helpers/read-metrics.ts'

const TOKEN = 'the-token-of-the-scraper'

/** An endpoint, and its metrics on a port of their own. */
async function open(options: Omit<MetricsRouteOptions, 'endpoint'> = {}) {
  const [app, operator] = [fastify(), fastify()]
  onTestFinished(async () => {
    await Promise.all([app.close(), operator.close()])
  })
  await app.register(phoenix, { sockets: { '/socket': defineSocket({ connect: () => ({ ok: {} }) }) } })
  await operator.register(metricsRoute, { endpoint: app.endpoint, ...options })
  const ask = (headers: Record<string, string> = {}) => operator.inject({ url: '/metrics', headers })
  return { app, ask }
}

test('serves the metrics of the endpoint and of the process', async () => {
  const { ask } = await open()
  const figures = readMetrics((await ask()).body)
  expect(figures).toMatchObject({ 'phoenix_connections{transport="websocket"}': 0, phoenix_engine_up: 1 })
  expect(figures['process_cpu_seconds_total']).toBeGreaterThan(0)
  expect(figures['process_resident_memory_bytes']).toBeGreaterThan(10_000_000)
  expect(figures['nodejs_heap_size_used_bytes']).toBeGreaterThan(1_000_000)
  expect(figures['nodejs_external_memory_bytes']).toBeGreaterThan(0)
})

test('is answered while the endpoint drains', async () => {
  const { app, ask } = await open()
  await app.ready()
  await app.endpoint.drain()
  expect((await ask()).statusCode).toBe(200)
})

test('with a token only requests with that token are answered', async () => {
  const { ask } = await open({ token: TOKEN })
  const without = await ask()
  expect([without.statusCode, without.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  const wrong = await ask({ authorization: `Bearer ${TOKEN}x` })
  expect([wrong.statusCode, wrong.headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"'])
  expect((await ask({ authorization: `Bearer ${TOKEN}` })).statusCode).toBe(200)
})

test('a function can be given instead of a token', async () => {
  const { ask } = await open({ authorize: async ({ headers }) => headers['x-operator'] === 'yes' })
  expect((await ask()).statusCode).toBe(401)
  expect((await ask({ 'x-operator': 'yes' })).statusCode).toBe(200)
})

const illegal: [options: object, message: string][] = [
  [{ token: 'short' }, '`token` must be a string of at least 16 visible ASCII characters, without spaces'],
  [{ token: TOKEN, authorize: () => true }, '`token` and `authorize` exclude each other'],
  [{ tokens: TOKEN }, 'unknown key "tokens"'],
]

test('the error of an invalid token does not contain the token', async () => {
  await expect(open({ token: 'hunter2' })).rejects.toThrow(/without spaces \(got a string of length 7\)$/)
  const given = /\(got a string of length 24 with a character that is not allowed\)$/
  await expect(open({ token: 'twenty-four characters ü' })).rejects.toThrow(given)
})

test.each(illegal)('wrong options are refused: %j', async (options, message) => {
  await expect(open(options)).rejects.toThrow(message)
})
