import { expect, test } from 'vitest'
import type { Broadcast } from '../../../protocol/index.ts'
import type { Subscriber } from '../../../server/pubsub/pubsub.ts'
import { RedisEngine } from '../../../server/redis/redis-engine.ts'
import { telemetry } from '../../../server/telemetry.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { ownPrefix, redisUrl } from '../../helpers/redis.ts'
import { listenTo } from '../../helpers/telemetry.ts'
import { until } from '../../helpers/until.ts'

class Listener implements Subscriber {
  readonly id = 'listener'
  readonly heard: unknown[] = []
  receive(broadcast: Broadcast): void {
    this.heard.push(broadcast.payload)
  }
}

test('two nodes hear each other', async () => {
  const url = await redisUrl()
  const prefix = ownPrefix()
  const a = new TestEndpoint({ engine: new RedisEngine({ url, prefix }) })
  const b = new TestEndpoint({ engine: new RedisEngine({ url, prefix }) })
  await a.start()
  await b.start()
  const listener = new Listener()
  await b.pubsub.subscribe('room:a', listener)
  await until(() => a.engine.state === 'up')
  expect(await a.broadcast('room:a', 'said', { n: 1 })).toBe(true)
  await until(() => listener.heard.length === 1)
  expect(await a.engine.claim('tick', 60_000)).toMatchObject({ scope: 'cluster' })
  expect(await b.engine.claim('tick', 60_000)).toMatchObject({ scope: 'nobody' })
})

test('its state and its lag are told to telemetry', async () => {
  const engine = new RedisEngine({ url: await redisUrl(), prefix: ownPrefix() })
  const endpoint = new TestEndpoint({ engine })
  const told = listenTo(telemetry.engineUp)
  expect(engine.lag).toBeNull()
  await endpoint.start()
  await until(() => engine.state === 'up')
  expect(told).toEqual([{ endpoint, engine }])
  await endpoint.broadcast('room:a', 'said', {})
  expect(engine.lag).toBeGreaterThan(0)
})
