import { describe, expect, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'
import { startRedis } from '../helpers/redis.ts'

describe('with Redis', () => {
  const ready = async (app: Awaited<ReturnType<typeof openApp>>['app']) => {
    const response = await app.inject('/readyz')
    return [response.statusCode, response.json()]
  }

  test('a node is unready until it has reached Redis, and degraded when it has lost Redis', async () => {
    const redis = await startRedis()
    await redis.kill()
    const { app } = await openApp({ redisUrl: redis.url })
    await app.ready()
    expect(await ready(app)).toMatchObject([503, { reasons: ['starting'] }])

    await redis.start()
    await expect.poll(() => ready(app), { timeout: 10_000 }).toEqual([200, { ready: true, degraded: [] }])

    await redis.kill()
    await expect
      .poll(() => ready(app), { timeout: 10_000 })
      .toEqual([200, { ready: true, degraded: ['engine'] }])
  })

  test('a node without Redis is unready if READY_REQUIRES_ENGINE is 1', async () => {
    const redis = await startRedis()
    const { app } = await openApp({ redisUrl: redis.url, readyRequiresEngine: true })
    await app.ready()
    await expect.poll(() => ready(app), { timeout: 10_000 }).toMatchObject([200, { degraded: [] }])

    await redis.kill()

    await expect.poll(() => ready(app), { timeout: 10_000 }).toMatchObject([503, { reasons: ['engine'] }])
  })
})
