import { expect, test, vi } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import * as Token from '../../../server/token/token.ts'
import { signSessionToken, verifySessionToken } from '../../../server/transport/longpoll-token.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const key = { secret: 'a secret of twenty bytes', url: '/socket/longpoll' }
const address = { nodeId: 'node-1', sessionId: 'session-1', received: 3 }
const TWO_WEEKS_MS = 14 * 24 * 60 * 60 * 1000

test('a token contains the place of its session', () => {
  expect(verifySessionToken(key, signSessionToken(key, address))).toEqual(address)
})

test("a token is valid only for its mount, under its system's secret (LONGPOLL-3)", () => {
  const token = signSessionToken(key, address)
  expect(verifySessionToken({ ...key, url: '/admin/longpoll' }, token)).toBeNull()
  expect(verifySessionToken({ ...key, secret: 'another secret, also long' }, token)).toBeNull()
})

test.each([undefined, null, '', 'garbage', ['a'], {}])('%j is not a token', (given) => {
  expect(verifySessionToken(key, given)).toBeNull()
})

test('other data signed with the same key is not a token', () => {
  for (const data of [
    'node-1',
    ['node-1'],
    ['node-1', 's', '3'],
    ['node-1', 's'],
    { nodeId: 'node-1', sessionId: 'session-1' },
  ]) {
    expect(verifySessionToken(key, Token.sign(key.secret, `longpoll:${key.url}`, data))).toBeNull()
  }
})

test('a changed token is invalid', () => {
  const token = signSessionToken(key, address)
  expect(verifySessionToken(key, `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).toBeNull()
})

test('a token expires after two weeks', () => {
  useFakeTimers()
  const token = signSessionToken(key, address)
  vi.advanceTimersByTime(TWO_WEEKS_MS)
  expect(verifySessionToken(key, token)).toEqual(address)
  vi.advanceTimersByTime(1_001)
  expect(verifySessionToken(key, token)).toBeNull()
})

test('a secret of less than 20 bytes is a usage error', () => {
  expect(() => verifySessionToken({ ...key, secret: 'short' }, null)).toThrow(UsageError)
})
