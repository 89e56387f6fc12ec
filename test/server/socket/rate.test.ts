import { describe, expect, test } from 'vitest'
import { defaults, resolveLimits } from '../../../server/limits/config.ts'
import { Rate, socketRates, TokenBucket } from '../../../server/socket/rate.ts'

/** How many of so many tries succeed at one moment. */
const taken = (bucket: TokenBucket, now: number, tries = 1_000) =>
  Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length

describe('a bucket', () => {
  test.each([
    [10, 1],
    [3, 7],
    [1_000, 5_000],
    [1_000_000, 20],
  ])('with %i a second and %i at once gives exactly this number at once', (perSecond, burst) => {
    const bucket = new TokenBucket(new Rate(perSecond, burst))
    expect(taken(bucket, 123_456.789, burst + 10)).toBe(burst)
  })

  test('fills with time, up to its capacity', () => {
    const bucket = new TokenBucket(new Rate(10, 5))
    expect(taken(bucket, 1_000)).toBe(5)
    expect(taken(bucket, 1_099)).toBe(0)
    expect(taken(bucket, 1_100)).toBe(1)
    expect(taken(bucket, 1_400)).toBe(3)
    expect(taken(bucket, 60_000)).toBe(5)
  })

  test('gives no more than its rate in the long run, however it is used', () => {
    const bucket = new TokenBucket(new Rate(3, 7))
    let count = 0
    for (let now = 0; now <= 100_000; now += 8) count += taken(bucket, now, 2)
    expect(count).toBe(7 + 300)
  })

  test('is not charged for a refusal', () => {
    const bucket = new TokenBucket(new Rate(1, 1))
    expect(taken(bucket, 0, 1_000)).toBe(1)
    expect(taken(bucket, 1_000)).toBe(1)
  })

  test('gives several at once or none, and more than its capacity when it is full', () => {
    const bucket = new TokenBucket(new Rate(10, 5))
    expect([bucket.take(0, 3), bucket.take(0, 3), bucket.take(0, 2)]).toEqual([true, false, true])
    expect(bucket.wait(0, 3)).toBe(300)
    expect([bucket.take(499, 1_000), bucket.wait(499, 1_000)]).toEqual([false, 1])
    expect([bucket.take(500, 1_000), bucket.take(999, 1_000), bucket.take(1_000, 5)]).toEqual([
      true,
      false,
      true,
    ])
  })

  test('returns the time until the next is available', () => {
    const bucket = new TokenBucket(new Rate(10, 2))
    expect(bucket.wait(0)).toBe(0)
    taken(bucket, 0)
    expect(bucket.wait(0)).toBe(100)
    expect(bucket.wait(99.5)).toBe(1)
    expect(bucket.take(99.5)).toBe(false)
    expect(bucket.wait(100)).toBe(0)
    expect(bucket.take(100)).toBe(true)
  })

  test('with a clock that lags gives less, never more', () => {
    const bucket = new TokenBucket(new Rate(10, 2))
    taken(bucket, 5_000)
    expect(taken(bucket, 4_000)).toBe(0)
    expect(taken(bucket, 5_100)).toBe(1)
  })

  test('knows whether it is full', () => {
    const bucket = new TokenBucket(new Rate(10, 2))
    expect(bucket.isFull(0)).toBe(true)
    bucket.take(0)
    expect([bucket.isFull(99), bucket.isFull(100)]).toEqual([false, true])
  })
})

test('the rates of sockets are set by the limits', () => {
  const limits = {
    messageBytes: 100,
    messageRate: 10,
    messageBurst: 2,
    joinRate: 20,
    joinBurst: 3,
    maxRefusals: 60,
    heartbeatRate: 30,
    heartbeatBurst: 4,
  }
  expect(socketRates(resolveLimits(limits))).toEqual({
    messages: new Rate(10, 2),
    joins: new Rate(20, 3),
    heartbeats: new Rate(30, 4),
    refusals: new Rate(1, 60),
    bytesPerToken: 100,
  })
  expect(socketRates(defaults).messages).toEqual(new Rate(1_000, 5_000))
})
