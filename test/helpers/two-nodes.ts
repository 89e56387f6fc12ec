import fastify, { type FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import { type PhoenixOptions, phoenix } from '../../server/index.ts'
import { RedisEngine } from '../../server/redis/index.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { roundRobin } from './round-robin.ts'
import { until } from './until.ts'

/** A node of one process. */
export type Node = { readonly app: FastifyInstance; readonly base: string }

/** Two nodes with a common Redis until the end of the test, and a proxy that sends requests to them in turn. */
export async function twoNodes(
  options: Omit<PhoenixOptions, 'engine' | 'secret'>,
): Promise<{ one: Node; two: Node; base: string; redis: RedisServer }> {
  const redis = await startRedis()
  const { url } = redis
  const open = async (): Promise<Node> => {
    const app = fastify()
    onTestFinished(() => app.close())
    await app.register(phoenix, {
      ...options,
      engine: new RedisEngine({ url }),
      secret: 'the same on both nodes',
    })
    return { app, base: await app.listen({ port: 0, host: '127.0.0.1' }) }
  }
  const [one, two] = [await open(), await open()]
  await until(() => [one, two].every(({ app }) => app.endpoint.engine.state === 'up'))
  const proxy = await roundRobin([one.base, two.base])
  onTestFinished(() => proxy.close())
  return { one, two, base: proxy.base, redis }
}
