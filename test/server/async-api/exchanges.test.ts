import { Type } from 'typebox'
import { Check } from 'typebox/schema'
import { expect, test } from 'vitest'
import { exchangesOf } from '../../../server/async-api/exchanges.ts'

const text = Type.Object({ body: Type.String() })

test('lists the join, incoming events, outgoing events, and presence', () => {
  const exchanges = exchangesOf({
    topic: 'room:*',
    incoming: { say: { payload: text, reply: text } },
    outgoing: { said: text },
    presence: text,
  })
  expect(exchanges.map(({ action, event }) => `${action} ${event}`)).toEqual([
    'receive phx_join',
    'receive say',
    'send said',
    'send presence_state',
    'send presence_diff',
    'send presence_count',
  ])
  expect(exchanges[1]).toEqual({ action: 'receive', event: 'say', payload: text, reply: text })
})

test('has no presence without a schema', () => {
  expect(exchangesOf({ topic: 'room:*' }).map(({ event }) => event)).toEqual(['phx_join'])
})

const entry = {
  ann: {
    metas: [
      { body: 'x', phx_ref: '1' },
      { body: 'y', phx_ref: '2', phx_ref_prev: '1' },
    ],
  },
}

test.each([
  ['presence_state', entry, true],
  ['presence_state', {}, true],
  ['presence_state', { ann: { metas: [{ body: 'x' }] } }, false],
  ['presence_state', { ann: { metas: [{ phx_ref: '1' }] } }, false],
  ['presence_diff', { joins: entry, leaves: {} }, true],
  ['presence_diff', { joins: entry }, false],
  ['presence_count', { count: 3 }, true],
  ['presence_count', { count: 'many' }, false],
])('%s %j fits: %j (PRESENCE-1, PRESENCE-2)', (event, payload, fits) => {
  const exchanges = exchangesOf({ topic: 'room:*', presence: text })
  const schema = exchanges.find((exchange) => exchange.event === event)?.payload ?? false
  expect(Check(JSON.parse(JSON.stringify(schema)), payload)).toBe(fits)
})
