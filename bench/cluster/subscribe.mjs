// Measures the time to subscribe to 10,000 topics at once, in a process that the benchmark starts.
import fastify from 'fastify'
import { answer } from '../answer.mjs'

/** @type {typeof import('../../server/index.ts')} */
const { phoenix } = await import(String(new URL('../../dist/index.js', import.meta.url)))
/** @type {typeof import('../../server/redis/index.ts')} */
const { RedisEngine } = await import(String(new URL('../../dist/redis.js', import.meta.url)))

/** @param {string} url */
async function connect(url) {
  const app = fastify()
  await app.register(phoenix, { sockets: {}, engine: new RedisEngine({ url, subscribeTimeout: 60_000 }) })
  await app.ready()
  await app.endpoint.ready
  return app
}

answer({
  async subscribe(/** @type {{ url: string, topics: number }} */ { url, topics }) {
    const names = Array.from({ length: topics }, (_, number) => `user:${number}`)
    const [here, there] = [await connect(url), await connect(url)]
    let heard = 0
    const begun = performance.now()
    await Promise.all(names.map((name) => here.endpoint.subscribe(name, () => heard++).ready))
    const milliseconds = performance.now() - begun
    // The messages that arrive prove that the subscriptions work.
    await Promise.all(names.map((name) => there.endpoint.broadcast(name, 'ping', {})))
    const deadline = performance.now() + 5_000
    while (heard < topics && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10))
    await Promise.all([here.close(), there.close()])
    return { milliseconds, heard }
  },
})
