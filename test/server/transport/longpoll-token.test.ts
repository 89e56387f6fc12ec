import { expect, test, vi } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import { Token } from '../../../server/token/token.ts'
import { signToken, verifyToken } from '../../../server/transport/longpoll-token.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const key = { secret: 'a secret of twenty bytes', url: '/socket/longpoll' }
const address = { nodeId: 'node-1', sessionId: 'session-1', received: 3 }
const TWO_WEEKS_MS = 14 * 24 * 60 * 60 * 1000

test('a token says where its session is', () => {
  expect(verifyToken(key, signToken(key, address))).toEqual(address)
})

test("a token is good for its mount only, under its system's secret (LONGPOLL-3)", () => {
  const token = signToken(key, address)
  expect(verifyToken({ ...key, url: '/admin/longpoll' }, token)).toBeNull()
  expect(verifyToken({ ...key, secret: 'another secret, also long' }, token)).toBeNull()
})

test.each([undefined, null, '', 'garbage', ['a'], {}])('%j is no token', (given) => {
  expect(verifyToken(key, given)).toBeNull()
})

test('other data under the same key are no token', () => {
  for (const data of [
    'node-1',
    ['node-1'],
    ['node-1', 's', '3'],
    ['node-1', 's'],
    { nodeId: 'node-1', sessionId: 'session-1' },
  ]) {
    expect(verifyToken(key, Token.sign(key.secret, `longpoll:${key.url}`, data))).toBeNull()
  }
})

test('a token that was changed is none', () => {
  const token = signToken(key, address)
  expect(verifyToken(key, `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).toBeNull()
})

test('a token is too old after two weeks', () => {
  useFakeTimers()
  const token = signToken(key, address)
  vi.advanceTimersByTime(TWO_WEEKS_MS)
  expect(verifyToken(key, token)).toEqual(address)
  vi.advanceTimersByTime(1_001)
  expect(verifyToken(key, token)).toBeNull()
})

test('a secret of less than 20 bytes is a usage error', () => {
  expect(() => verifyToken({ ...key, secret: 'short' }, null)).toThrow(UsageError)
})
