import { expect, test } from 'vitest'
import { defaultFilter, filterParameters } from '../../../server/telemetry/filter-parameters.ts'

const filter = (parameters: unknown, words = defaultFilter) => filterParameters(parameters, words)

test('filters values whose key contains a word, in any case and at any depth', () => {
  const given = { password: 'a', user: { authToken: 'b', name: 'Ann' }, list: [{ client_SECRET: { x: 1 } }] }
  expect(filter(given)).toEqual({
    password: '[FILTERED]',
    user: { authToken: '[FILTERED]', name: 'Ann' },
    list: [{ client_SECRET: '[FILTERED]' }],
  })
})

test("uses the application's words instead of the default ones", () => {
  expect(filter({ Card: '4111', token: 'a' }, ['card'])).toEqual({ Card: '[FILTERED]', token: 'a' })
})

test.each([[null], [1], ['text'], [true], [undefined], [[1, 'a', null]]])('does not change %j', (value) => {
  expect(filter(value)).toEqual(value)
})

test('does not change its argument', () => {
  const given = Object.freeze({ token: 'a', deep: Object.freeze({ token: 'b' }) })
  filter(given)
  expect(given).toEqual({ token: 'a', deep: { token: 'b' } })
})

test('truncates large parameters', () => {
  const text = JSON.stringify([
    filter({ text: 'x'.repeat(1_000_000), ['k'.repeat(1_000_000)]: 1 }),
    filter(Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, n]))),
    filter(Array.from({ length: 100_000 }, (_, n) => n)),
    filter(JSON.parse('['.repeat(1_000) + ']'.repeat(1_000))),
    filter(new Uint8Array(1_000_000)),
  ])
  expect(text.length).toBeLessThan(10_000)
  expect(text).toContain('[1000000 bytes]')
})

test('treats `__proto__` and similar keys as ordinary keys', () => {
  const copy = filter(JSON.parse('{"__proto__":{"token":"a"},"constructor":1}'))
  expect(JSON.stringify(copy)).toBe('{"__proto__":{"token":"[FILTERED]"},"constructor":1}')
})
