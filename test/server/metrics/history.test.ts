import { expect, onTestFinished, test } from 'vitest'
import { metrics } from '../../../server/metrics/index.ts'
import { keptEndpoint, rejoin } from '../../helpers/kept-room.ts'
import { readMetrics } from '../../helpers/read-metrics.ts'

test('joins that ask for recovery are counted by outcome, and replayed broadcasts and kept bytes are counted', async () => {
  const endpoint = keptEndpoint()
  const { registry, stop } = metrics(endpoint)
  onTestFinished(stop)
  const { recovery } = await rejoin(endpoint, null)
  for (let n = 1; n <= 3; n++) await endpoint.broadcast('log:a', 'msg', { n })
  await rejoin(endpoint, { ...recovery, seq: 1 })
  await rejoin(endpoint, { epoch: '1', seq: 1 })
  const values = readMetrics(await registry.metrics())
  const joins = (outcome: string) =>
    values[`phoenix_history_joins_total{pattern="log:*",outcome="${outcome}"}`]
  expect(['new', 'recovered', 'unrecovered'].map(joins)).toEqual([1, 1, 1])
  expect(values['phoenix_history_replayed_total']).toBe(2)
  expect(values['phoenix_history_bytes']).toBe(endpoint.pubsub.historyBytes)
  // Three replies to joins, and three broadcasts with their places for the newcomer.
  expect(values['phoenix_messages_total{pattern="log:*",direction="out"}']).toBe(3 + 3)
})
