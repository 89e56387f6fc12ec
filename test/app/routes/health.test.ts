import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import { Check } from 'typebox/value'
import { expect, onTestFinished, test } from 'vitest'
import { Problem } from '../../../server/app/errors.ts'
import { LoopDelay } from '../../../server/app/loop-delay.ts'
import { healthRoutes } from '../../../server/app/routes/health.ts'
import { type Engine, type EngineState, LocalEngine, phoenix } from '../../../server/index.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { keepBusy } from '../../helpers/keep-busy.ts'
import { openApp } from '../../helpers/open-app.ts'

/** Health routes over an engine whose state the test sets. */
async function open({ readyRequiresEngine = false, maxLoopDelayMs = 0 } = {}) {
  const situation = { state: 'up' as EngineState, fault: null as string | null, isLeaving: false }
  const local: Engine = new LocalEngine()
  const engine: Engine = Object.create(local, {
    state: { get: () => situation.state },
    fault: { get: () => situation.fault },
  })
  const app = fastify()
  const loopDelay = new LoopDelay()
  onTestFinished(async () => {
    await app.close()
    loopDelay.stop()
  })
  const isLeaving = () => situation.isLeaving
  await app.register(healthRoutes, { readyRequiresEngine, maxLoopDelayMs, isLeaving, loopDelay })
  await app.register(phoenix, { sockets: {}, engine })
  const ask = async (url: string) => {
    const response = await app.inject(url)
    return [response.statusCode, response.json()]
  }
  return { app, situation, ask }
}

const READY = [200, { ready: true, degraded: [] }]
const unready = (...reasons: string[]) => [503, { status: 503, code: 'unavailable', reasons }]

test('a process that runs is alive and ready', async () => {
  const { ask } = await open()
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
  expect(await ask('/readyz')).toEqual(READY)
})

test('is not ready before the engine was reached for the first time', async () => {
  const { ask, situation } = await open()
  situation.state = 'connecting'
  expect(await ask('/readyz')).toMatchObject(unready('starting'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
})

test('without its engine it is ready, and degraded: local clients are served', async () => {
  const { ask, situation } = await open()
  situation.state = 'down'
  expect(await ask('/readyz')).toEqual([200, { ready: true, degraded: ['engine'] }])
  situation.state = 'up'
  expect(await ask('/readyz')).toEqual(READY)
})

test('a refusal of the engine is shown, whether or not the other nodes are reached', async () => {
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

test('without its engine it is not ready where that is required', async () => {
  const { ask, situation } = await open({ readyRequiresEngine: true })
  expect(await ask('/readyz')).toEqual(READY)
  situation.state = 'down'
  expect(await ask('/readyz')).toMatchObject([503, { reasons: ['engine'], degraded: ['engine'] }])
})

test('is not ready from the moment it is asked to end', async () => {
  const { ask, situation } = await open()
  situation.isLeaving = true
  expect(await ask('/readyz')).toMatchObject(unready('leaving'))
})

test('is alive but not ready while it drains', async () => {
  const { app, ask } = await open()
  await app.ready()
  await app.endpoint.drain()
  expect(await ask('/readyz')).toMatchObject(unready('leaving'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
})

test('tells every reason, in a problem', async () => {
  const { ask, situation } = await open({ readyRequiresEngine: true })
  situation.state = 'down'
  situation.isLeaving = true
  const [, body] = await ask('/readyz')
  expect(body).toMatchObject({ detail: 'Not ready: leaving, engine.', reasons: ['leaving', 'engine'] })
  expect(Check(Problem, body)).toBe(true)
})

test('is not ready while its event loop is starved, and alive', async () => {
  const { ask } = await open({ maxLoopDelayMs: 50 })
  const rest = keepBusy(100)
  await expect.poll(() => ask('/readyz')).toMatchObject(unready('event_loop'))
  expect(await ask('/healthz')).toEqual([200, { ok: true }])
  rest()
  await expect.poll(() => ask('/readyz')).toEqual(READY)
})

test('the chat is red for SHUTDOWN_DELAY_MS before it begins to close, and serves meanwhile', async () => {
  const { app, leave } = await openApp({ shutdownDelayMs: 100 })
  expect((await app.inject('/readyz')).statusCode).toBe(200)
  const before = performance.now()

  const left = leave()

  expect((await app.inject('/readyz')).json()).toMatchObject({ reasons: ['leaving'] })
  expect((await app.inject('/api/rooms')).statusCode).toBe(200)
  await left
  expect(performance.now() - before).toBeGreaterThan(95)
})

test('a chat that closes says that it is alive, to the end', async () => {
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
