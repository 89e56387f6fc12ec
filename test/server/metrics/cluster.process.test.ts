import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { shareMetrics } from '../../../server/metrics/cluster.ts'
import { root } from '../../helpers/markdown.ts'
import { bundle, OwnProcess, type Scripts } from '../../helpers/own-process.ts'
import { readMetrics } from '../../helpers/read-metrics.ts'
import type { Order } from './cluster-processes.ts'

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ cluster: join(root, 'test/server/metrics/cluster-processes.ts') })
})
afterAll(() => scripts.remove())

/** A primary with two worker processes. */
async function start() {
  const primary = new OwnProcess(join(scripts.folder, 'cluster.js'))
  const fork = async () => ((await primary.ask({ order: 'fork' })) as { id: number }).id
  const tell = (order: Exclude<Order['order'], 'fork'>, id: number) => primary.ask({ order, id })
  const read = async (id: number) => readMetrics(((await tell('read', id)) as { told: string }).told)
  const count = async (id: number, times: number) => {
    for (let n = 0; n < times; n++) await tell('count', id)
  }
  return { fork, tell, read, count, ids: [await fork(), await fork()] as const }
}

test('every worker process returns the merged metrics of all, by their aggregators', async () => {
  const { read, count, ids } = await start()
  await count(ids[0], 2)
  await count(ids[1], 3)
  const merged = {
    'counted_total{kind="a"}': 5,
    'sized_bucket{le="1"}': 2,
    'sized_bucket{le="+Inf"}': 5,
    sized_sum: 2 * 1 + 3 * 2,
    sized_count: 5,
    summed: 1 + 2,
    largest: 2,
    smallest: 1,
  }
  expect(await read(ids[0])).toEqual(merged)
  expect(await read(ids[1])).toEqual(merged)
})

test('counts do not decrease when a worker process is replaced; gauges include only running workers', async () => {
  const { fork, tell, read, count, ids } = await start()
  await count(ids[0], 2)
  await count(ids[1], 3)
  await read(ids[0])
  await tell('kill', ids[1])
  const third = await fork()
  await count(third, 1)
  expect(await read(third)).toMatchObject({
    'counted_total{kind="a"}': 6,
    sized_count: 6,
    summed: 1 + 3,
    largest: 3,
  })
  await tell('kill', ids[0])
  expect(await read(third)).toMatchObject({ 'counted_total{kind="a"}': 6, summed: 3 })
})

test('a hanging worker process is included with its latest values', async () => {
  const { tell, read, count, ids } = await start()
  await count(ids[1], 3)
  await read(ids[0])
  await tell('stop', ids[1])
  await count(ids[0], 1)
  expect(await read(ids[0])).toMatchObject({ 'counted_total{kind="a"}': 4, summed: 3 })
  await tell('continue', ids[1])
  await count(ids[1], 1)
  expect(await read(ids[0])).toMatchObject({ 'counted_total{kind="a"}': 5 })
})

test('a gauge that cannot be collected fails the scrape with its reason, and ends no process', async () => {
  const { tell, read, count, ids } = await start()
  await count(ids[1], 3)
  await read(ids[0])
  await tell('break', ids[1])
  const failure = expect.stringMatching(/^Error: cannot read the metrics of worker process \d+: no figures$/)
  expect(await tell('read', ids[0])).toEqual({ told: failure })
  expect(await tell('read', ids[1])).toEqual({ told: failure })
  await tell('mend', ids[1])
  expect(await read(ids[0])).toMatchObject({ 'counted_total{kind="a"}': 3, summed: 3 })
})

test('a process whose primary does not answer returns its own metrics', async () => {
  // The primary of this process is vitest's, if it has one, and knows nothing of metrics.
  const registry = new Registry()
  const { metrics, stop } = shareMetrics(registry)
  expect(await metrics()).toBe('\n')
  stop()
})
