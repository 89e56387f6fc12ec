import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { type HealthOptions, health } from '../../../server/health/index.ts'
import { type Engine, type EngineState, LocalEngine, phoenix } from '../../../server/index.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { keepBusy } from '../../helpers/keep-busy.ts'
import { openApp } from '../../helpers/open-app.ts'

/** Health routes over an engine whose state the test sets. */
async function open(options: Omit<HealthOptions, 'endpoint'> = {}) {
  const situation = { state: 'up' as EngineState, fault: null as string | null }
  const local: Engine = new LocalEngine()
  const engine: Engine = Object.create(local, {
    state: { get: () => situation.state },
    fault: { get: () => situation.fault },
  })
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: {}, engine })
  await app.register(health, { endpoint: app.endpoint, maxLoopDelay: 0, ...options })
  const ask = async (url: string) => {
    const response = await app.inject(url)
    return [response.statusCode, response.json()]
  }
  return { app, situation, ask }
}

const READY = [200, { ready: true, degraded: [] }]
const unready = (...reasons: string[]) => [503, { status: 503, code: 'unavailable', reasons }]

test('a running process is alive and ready', async () => {
  const { ask } = await open()
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
  expect(await ask('/readyz')).toEqual(READY)
})

test('is not ready before the engine is connected for the first time', async () => {
  const { ask, situation } = await open()
  situation.state = 'connecting'
  expect(await ask('/readyz')).toMatchObject(unready('starting'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
})

test('without its engine it is ready and degraded, because local clients are served', async () => {
  const { ask, situation } = await open()
  situation.state = 'down'
  expect(await ask('/readyz')).toEqual([200, { ready: true, degraded: ['engine'] }])
  situation.state = 'up'
  expect(await ask('/readyz')).toEqual(READY)
})

test('an error reply of the engine is shown, whether or not other nodes can be reached', async () => {
  const { ask, situation } = await open({ readyRequiresEngine: true })
  situation.fault = 'NOPERM'
  expect(await ask('/readyz')).toEqual([200, { ready: true, degraded: ['engine'], fault: 'NOPERM' }])
  situation.state = 'down'
  situation.fault = 'READONLY'
  expect(await ask('/readyz')).toMatchObject([503, { degraded: ['engine'], fault: 'READONLY' }])
  situation.state = 'up'
  situation.fault = null
  expect(await ask('/readyz')).toEqual(READY)
})

test('without its engine it is not ready if readyRequiresEngine is set', async () => {
  const { ask, situation } = await open({ readyRequiresEngine: true })
  expect(await ask('/readyz')).toEqual(READY)
  situation.state = 'down'
  expect(await ask('/readyz')).toMatchObject([503, { reasons: ['engine'], degraded: ['engine'] }])
})

test('is not ready from the moment at which it is asked to stop', async () => {
  const { app, ask } = await open()
  app.endpoint.leave()
  expect(await ask('/readyz')).toMatchObject(unready('leaving'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
})

test('is alive but not ready while it drains', async () => {
  const { app, ask } = await open()
  await app.ready()
  await app.endpoint.drain()
  expect(await ask('/readyz')).toMatchObject(unready('leaving'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
})

test('lists every reason, in a problem (RFC 9457)', async () => {
  const { app, situation } = await open({ readyRequiresEngine: true })
  situation.state = 'down'
  app.endpoint.leave()
  const response = await app.inject('/readyz')
  expect(response.headers['content-type']).toContain('application/problem+json')
  expect(response.json()).toEqual({
    status: 503,
    code: 'unavailable',
    title: 'Service Unavailable',
    detail: 'Not ready: leaving, engine.',
    reasons: ['leaving', 'engine'],
    degraded: ['engine'],
  })
})

test('can serve an endpoint whose sockets are on another port', async () => {
  const { app } = await open()
  const operator = fastify()
  onTestFinished(() => operator.close())
  await operator.register(health, { endpoint: app.endpoint, prefix: '/ops' })
  expect((await operator.inject('/ops/readyz')).json()).toEqual({ ready: true, degraded: [] })
  app.endpoint.leave()
  expect((await operator.inject('/ops/readyz')).json()).toMatchObject({ reasons: ['leaving'] })
})

test('refuses to start without an endpoint, and with an unknown option', async () => {
  const { app } = await open()
  const wrong = { endpoint: app.endpoint, maxLoopDelayMs: 5 }
  await expect(fastify().register(health, wrong)).rejects.toThrow('unknown key "maxLoopDelayMs"')
  const none: unknown = { endpoint: undefined }
  await expect(fastify().register(health, none as HealthOptions)).rejects.toMatchObject({
    code: 'PHX_ERR_NO_ENDPOINT',
    message:
      'health: the endpoint must be `app.endpoint`, set by `await app.register(phoenix, …)` (got undefined)',
  })
})

test('is not ready while its event loop is late, but alive', async () => {
  const { ask } = await open({ maxLoopDelay: 50 })
  const rest = keepBusy(100)
  await expect.poll(() => ask('/readyz')).toMatchObject(unready('event_loop'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
  rest()
  await expect.poll(() => ask('/readyz')).toEqual(READY)
})

test('the chat serves requests while it is not ready', async () => {
  const { app } = await openApp()
  expect((await app.inject('/readyz')).statusCode).toBe(200)
  app.endpoint.leave()
  expect((await app.inject('/readyz')).json()).toMatchObject({ reasons: ['leaving'] })
  expect((await app.inject('/api/rooms')).statusCode).toBe(200)
})

test('a closing chat reports that it is alive until the end', async () => {
  const { app } = await openApp()
  const closing = new Deferred()
  const rest = new Deferred()
  app.addHook('preClose', () => {
    closing.resolve()
    return rest.promise
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const ask = async (path: string) => {
    const [response] = await once(request(`${url}${path}`, { agent }).end(), 'response')
    return [response.statusCode, JSON.parse(await text(response))]
  }
  expect(await ask('/readyz')).toEqual(READY)

  const closed = app.close()
  await closing.promise

  expect(await ask('/healthz')).toEqual([200, { ok: true }])
  expect(await ask('/readyz')).toMatchObject(unready('leaving'))
  expect(await ask('/api/rooms')).toMatchObject([503, { code: 'unavailable' }])
  rest.resolve()
  await closed
})
