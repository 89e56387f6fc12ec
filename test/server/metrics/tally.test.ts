import { expect, test } from 'vitest'
import { Tally } from '../../../server/metrics/tally.ts'

test('counts by the values of its labels', () => {
  const tally = new Tally('transport', 'code')
  tally.add('websocket', 1001)
  tally.add('longpoll', 1001)
  tally.add('websocket', 1001)
  expect([...tally]).toEqual([
    { labels: { transport: 'websocket', code: 1001 }, value: 2 },
    { labels: { transport: 'longpoll', code: 1001 }, value: 1 },
  ])
})

test('has a sample of 0 before the first count only without labels', () => {
  expect([...new Tally()]).toEqual([{ labels: {}, value: 0 }])
  expect([...new Tally('reason')]).toEqual([])
})
