import { describe, expect, test, vi } from 'vitest'
import { defaults } from '../../../server/limits/config.ts'
import { AddressRate } from '../../../server/transport/address-rate.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

/** Ten a second, and so many at once. */
function setUp(connectionBurst: number) {
  useFakeTimers()
  return new AddressRate({ ...defaults, connectionRate: 10, connectionBurst })
}

/** How many of so many tries succeed. */
const taken = (rate: AddressRate, ip: string, tries = 100) =>
  Array.from({ length: tries }, () => rate.take({ ip })).filter((wait) => wait === null).length

describe('an address', () => {
  test('may connect up to the burst at once, and then at the rate (LIMIT-6)', () => {
    const rate = setUp(20)
    expect(taken(rate, '192.0.2.1')).toBe(20)
    expect(rate.take({ ip: '192.0.2.1' })).toBe(100)
    for (let second = 1; second <= 60; second += 1) {
      vi.advanceTimersByTime(1_000)
      rate.sweep(performance.now())
      expect(taken(rate, '192.0.2.1')).toBe(10)
    }
  })

  test('is not affected by other addresses (LIMIT-6)', () => {
    const rate = setUp(20)
    taken(rate, '192.0.2.1')
    expect(taken(rate, '192.0.2.2')).toBe(10)
    expect(taken(rate, '192.0.2.3', 1)).toBe(1)
  })

  test('is not read while all addresses together connect slowly', () => {
    const rate = setUp(20)
    const asked = vi.fn(() => '192.0.2.1')
    const client = {
      get ip() {
        return asked()
      },
    }
    for (let n = 0; n < 10; n += 1) expect(rate.take(client)).toBeNull()
    expect(asked).not.toHaveBeenCalled()
    rate.take(client)
    expect(asked).toHaveBeenCalledOnce()
  })

  test('is forgotten when it has been quiet, and then no state is left', () => {
    const rate = setUp(20)
    taken(rate, '192.0.2.1')
    vi.advanceTimersByTime(1_900)
    rate.sweep(performance.now())
    expect(rate.size).toBe(1)
    vi.advanceTimersByTime(100)
    rate.sweep(performance.now())
    expect(rate.size).toBe(0)
    expect(taken(rate, '192.0.2.1')).toBe(20)
  })

  test('is not limited if there is none, as over a Unix socket', () => {
    const rate = setUp(2)
    for (let n = 0; n < 10; n += 1) expect(rate.take({ ip: undefined })).toBeNull()
  })
})

test('at most 50,000 addresses are tracked; clients of others are accepted without counting', () => {
  const rate = setUp(2)
  for (let n = 0; n < 60_000; n += 1) rate.take({ ip: `192.${n >> 16}.${(n >> 8) & 255}.${n & 255}` })
  expect(rate.size).toBe(50_000)
  expect(taken(rate, '198.51.100.1')).toBe(100)
})
