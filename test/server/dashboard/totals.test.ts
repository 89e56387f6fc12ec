import { Counter, Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { readTotals, valuesOf } from '../../../server/dashboard/totals.ts'

test('adds up the values of all patterns', async () => {
  const registry = new Registry()
  const registers = [registry]
  const labelNames = ['pattern', 'direction']
  const messages = new Counter({ name: 'phoenix_messages_total', help: 'of the test', labelNames, registers })
  const bytes = new Counter({
    name: 'phoenix_message_bytes_total',
    help: 'of the test',
    labelNames,
    registers,
  })
  for (const pattern of ['room:*', 'other:*']) {
    messages.inc({ pattern, direction: 'in' }, 1)
    messages.inc({ pattern, direction: 'out' }, 20)
    bytes.inc({ pattern, direction: 'in' }, 300)
  }
  const handlers = new Histogram({
    name: 'phoenix_handler_duration_seconds',
    help: 'of the test',
    labelNames: ['pattern', 'event'],
    buckets: [0.1, 1],
    registers,
  })
  handlers.observe({ pattern: 'room:*', event: 'a' }, 0.05)
  handlers.observe({ pattern: 'room:*', event: 'b' }, 0.5)

  expect(await readTotals(registry)).toEqual({
    messages: { in: 2, out: 40 },
    bytes: { in: 600, out: 0 },
    handled: 2,
    handlerSeconds: expect.closeTo(0.55),
    handledWithin: new Map([
      [0.1, 1],
      [1, 2],
      [Number.POSITIVE_INFINITY, 2],
    ]),
  })
})

test('a metric that a registry does not have counts as no values', async () => {
  expect(await valuesOf(new Registry(), 'phoenix_messages_total')).toEqual([])
})
