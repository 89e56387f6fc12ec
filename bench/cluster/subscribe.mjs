// Measures the time to subscribe to 10,000 topics at once, in a process that the benchmark starts.
import { answer } from '../answer.mjs'

/** @type {typeof import('../../server/index.ts')} */
const { Endpoint } = await import(String(new URL('../../dist/index.js', import.meta.url)))
/** @type {typeof import('../../server/redis/index.ts')} */
const { RedisEngine } = await import(String(new URL('../../dist/redis.js', import.meta.url)))

/** @param {string} url */
async function connect(url) {
  const endpoint = new Endpoint({ engine: new RedisEngine({ url, subscribeTimeout: 60_000 }) })
  await endpoint.start()
  while (endpoint.engine.state !== 'up') await new Promise((resolve) => setTimeout(resolve, 5))
  return endpoint
}

answer({
  async subscribe(/** @type {{ url: string, topics: number }} */ { url, topics }) {
    const names = Array.from({ length: topics }, (_, number) => `user:${number}`)
    const [here, there] = [await connect(url), await connect(url)]
    let heard = 0
    const subscriber = {
      id: 'bench',
      receive() {
        heard++
      },
    }
    const begun = performance.now()
    await Promise.all(names.map((name) => here.pubsub.subscribe(name, subscriber)))
    const milliseconds = performance.now() - begun
    // The messages that arrive prove that the subscriptions work.
    await Promise.all(names.map((name) => there.broadcast(name, 'ping', {})))
    const deadline = performance.now() + 5_000
    while (heard < topics && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10))
    await Promise.all([here.stop(), there.stop()])
    return { milliseconds, heard }
  },
})
