// Publishes to a topic with and without a history, in a process that the benchmark starts.
import fastify from 'fastify'
import { Type } from 'typebox'
import { answer } from '../answer.mjs'

/** @type {typeof import('../../server/index.ts')} */
const { defineContract, phoenix } = await import(String(new URL('../../dist/index.js', import.meta.url)))
/** @type {typeof import('../../server/redis/index.ts')} */
const { RedisEngine } = await import(String(new URL('../../dist/redis.js', import.meta.url)))

const IN_FLIGHT = 64
const outgoing = { msg: Type.Object({ body: Type.String() }) }
const Kept = defineContract({ topic: 'kept:*', outgoing, history: { events: ['msg'], size: 1_000 } })
const Plain = defineContract({ topic: 'plain:*', outgoing })

/** @type {import('fastify').FastifyInstance | undefined} */
let app

answer({
  async connect(/** @type {string} */ url) {
    app = fastify()
    await app.register(phoenix, { sockets: {}, histories: [Kept], engine: new RedisEngine({ url }) })
    await app.ready()
    await app.endpoint.ready
  },
  /** Resolves with the number of messages that were published. */
  async publish(/** @type {{ isKept: boolean, messages: number }} */ { isKept, messages }) {
    const [contract, topic] = isKept ? [Kept, 'kept:a'] : [Plain, 'plain:a']
    let left = messages
    let published = 0
    const work = async () => {
      while (left-- > 0)
        if (await app?.endpoint.publish(contract, topic, 'msg', { body: 'x'.repeat(200) })) published += 1
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, work))
    return published
  },
})
