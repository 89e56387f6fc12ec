import { expect, it, onTestFinished } from 'vitest'
import { connect } from '../helpers/raw-client.ts'
import { buildConformanceApp } from './app.ts'

/** The reference app, a client, and what the next frame's payload is. */
async function setUp() {
  const app = await buildConformanceApp({ logLevel: 'silent' })
  onTestFinished(() => app.close())
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  const ask = (topic: string, event: string, payload: object) =>
    client.send(JSON.stringify(['1', '1', topic, event, payload]))
  const next = async () => JSON.parse(String(await client.next()))
  const answer = async () => (await next())[4].response
  return { app, client, ask, next, answer }
}

it('keeps the messages on log:*, once under a key, and replays them', async () => {
  const { client, ask, next, answer } = await setUp()
  ask('log:a', 'phx_join', { name: 'Ann', wait: 1, _since: null })
  expect(await answer()).toEqual({
    hello: true,
    _recovery: expect.objectContaining({ seq: 0, recovered: false }),
  })
  ask('log:a', 'say', { n: 1, key: 'k1' })
  expect((await next())[4]).toEqual({ n: 1, _seq: 1 })
  expect(await answer()).toEqual({ kept: true })
  ask('log:a', 'say', { n: 1, key: 'k1' })
  expect(await answer()).toEqual({ kept: true })
  ask('log:a', 'say', { n: 2, key: 'k1' })
  expect(await answer()).toEqual({ reason: 'key_reused' })
  ask('log:a', 'say_from', { n: 2 })
  expect(await answer()).toEqual({ kept: true })
  ask('log:a', 'bytes', {})
  expect(await answer()).toEqual({ reason: 'refused' })
  ask('log:a', 'blink', { n: 3 })
  expect((await next())[4]).toEqual({ n: 3 })
  expect(await answer()).toEqual({})
  await client.nothing()
})

it('filters messages on filtered:*, and has no history on plain:*', async () => {
  const { client, ask, next, answer } = await setUp()
  ask('filtered:a', 'phx_join', { _since: null })
  expect(await answer()).toHaveProperty('_recovery')
  ask('filtered:a', 'say', { event: 'out', n: 1 })
  const frames = [await next(), await next(), await next()]
  expect(frames.filter(([, , , event]) => event === 'out').map(([, , , , payload]) => payload)).toEqual([
    { n: 1, part: 1 },
    { n: 1, part: 2, _seq: 1 },
  ])
  ask('plain:a', 'phx_join', {})
  expect(await answer()).toEqual({ hello: true })
  ask('plain:a', 'say', { n: 1 })
  expect((await next())[4]).toEqual({ n: 1 })
  expect(await answer()).toEqual({ kept: true })
  await client.nothing()
})

it('can publish and block over HTTP', async () => {
  const { app } = await setUp()
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
  const said = { topic: 'log:a', event: 'msg', payload: { n: 1 }, key: 'k' }
  expect(await post('/publish', said)).toMatchObject({ statusCode: 202, body: '{"ok":true}' })
  expect(await post('/publish', said)).toMatchObject({ statusCode: 202 })
  expect(await post('/publish', { ...said, payload: { n: 2 } })).toMatchObject({ statusCode: 422 })
  expect(await post('/block', { ms: 1 })).toMatchObject({ statusCode: 200 })
})
