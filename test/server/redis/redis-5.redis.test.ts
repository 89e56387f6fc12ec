import { expect, onTestFinished, test } from 'vitest'
import { InstalledProject } from '../../helpers/installed-package.ts'
import { ownPrefix, redisUrl } from '../../helpers/redis.ts'

/** Two nodes: what the second hears, counts and reads of the first. */
const NODES = `
  import fastify from 'fastify'
  import { defineContract, phoenix } from 'fastify-phoenix'
  import { RedisEngine } from 'fastify-phoenix/redis'
  import { Type } from 'typebox'

  const Room = defineContract({
    topic: 'room:*',
    outgoing: { said: Type.Object({ n: Type.Integer() }) },
    history: { events: ['said'], size: 10, ttlMs: 60_000 },
  })
  async function start() {
    const engine = new RedisEngine({ url: process.env.REDIS_URL, prefix: process.env.PREFIX })
    const app = fastify()
    await app.register(phoenix, { sockets: {}, engine, histories: [Room] })
    await app.ready()
    await app.endpoint.ready
    return app
  }
  const [first, second] = [await start(), await start()]
  const heard = new Promise((resolve) => {
    second.endpoint.subscribe('news', ({ event, payload }) => resolve([event, payload]))
  })
  // A subscription takes effect after a moment.
  const again = setInterval(() => first.endpoint.broadcast('news', 'said', { n: 1 }), 20)
  const isKept = await first.endpoint.publish('room:a', 'said', { n: 2 })
  const { messages } = await second.endpoint.history(Room, 'room:a', { last: 10 })
  const { scope } = await first.endpoint.engine.claim('once', 60_000)
  const result = { heard: await heard, isKept, kept: messages.map(({ payload }) => payload), scope }
  clearInterval(again)
  console.log('result ' + JSON.stringify(result))
  await Promise.all([first.close(), second.close()])`

test('nodes with the oldest supported version of the package `redis` reach each other', async () => {
  const project = await InstalledProject.create(['fastify-phoenix', 'fastify', 'typebox', 'redis@5.9.0'])
  onTestFinished(() => project.remove())
  await project.write('nodes.mjs', NODES)
  const output = await project.run('node', ['nodes.mjs'], {
    REDIS_URL: await redisUrl(),
    PREFIX: ownPrefix(),
  })
  expect(JSON.parse(/^result (.*)$/m.exec(output)?.[1] ?? '{}')).toEqual({
    heard: ['said', { n: 1 }],
    isKept: true,
    kept: [{ n: 2 }],
    scope: 'cluster',
  })
})
