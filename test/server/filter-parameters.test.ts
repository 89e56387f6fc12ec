import { expect, test } from 'vitest'
import { defaultFilter, filterParameters } from '../../server/filter-parameters.ts'

const filtered = (parameters: unknown) => filterParameters(parameters, defaultFilter)

test.each(['password', 'userToken', 'CLIENT_SECRET'])(
  'the value of %s is not written, at any depth',
  (key) => {
    expect(filtered({ a: [{ [key]: 'hidden' }] })).toEqual({ a: [{ [key]: '[FILTERED]' }] })
  },
)

test('other values are written as they are', () => {
  expect(filtered({ vsn: '2.0.0', n: 1, list: [true, null] })).toEqual({
    vsn: '2.0.0',
    n: 1,
    list: [true, null],
  })
})

test('what is long, deep or many is cut', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(20)}1${'}'.repeat(20)}`)
  expect(JSON.stringify(filtered(deep))).toContain('…')
  expect(String(filtered('x'.repeat(2_000)))).toHaveLength(1_001)
  expect(filtered(new Array(200).fill(0))).toHaveLength(101)
  expect(filtered(new Uint8Array(3))).toBe('[3 bytes]')
})
