import { expect, test } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import { defaults, type Limits, resolveLimits } from '../../../server/limits/config.ts'

test('the limits are those of Phoenix if Phoenix has one', () => {
  expect(resolveLimits({})).toEqual(defaults)
  expect(defaults.maxChannels).toBe(100)
})

test('a given limit replaces its default, the others stay, and the result is frozen', () => {
  const limits = resolveLimits({ maxChannels: 7 })
  expect(limits).toEqual({ ...defaults, maxChannels: 7 })
  expect(Object.isFrozen(limits)).toBe(true)
})

test('an address may have half of the connections, unless another number is given', () => {
  const of = (given: Partial<Limits>) => resolveLimits(given).maxConnectionsPerAddress
  expect([of({}), of({ maxConnections: 7 }), of({ maxConnections: 1 })]).toEqual([50_000, 4, 1])
  expect(of({ maxConnections: 100, maxConnectionsPerAddress: 99 })).toBe(99)
})

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '7', null])(
  'refuses %s as a limit, with a message',
  (value) => {
    const given = { maxChannels: value } as Partial<Limits>
    expect(() => resolveLimits(given)).toThrow(UsageError)
    expect(() => resolveLimits(given)).toThrow('limits: `maxChannels` must be a positive integer (got ')
  },
)

test('rejects an interval that no timer supports', () => {
  expect(() => resolveLimits({ sweepInterval: 2 ** 31 })).toThrow(
    '`sweepInterval` must be an integer number of milliseconds from 1 to 2147483647 (got 2147483648)',
  )
})

test.each(['maxChanels', 'toString', '__proto__'])(
  'refuses the unknown limit %s and lists the known ones',
  (name) => {
    const given = JSON.parse(`{"${name}":5}`)
    expect(() => resolveLimits(given)).toThrow(`limits has an unknown key "${name}"`)
    expect(() => resolveLimits(given)).toThrow(`Valid keys: ${Object.keys(defaults).join(', ')}`)
  },
)
