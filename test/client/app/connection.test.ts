import { expect, test } from 'vitest'
import { connectionText, countdown, reconnectDelay } from '../../../client/app/connection.ts'

test('the first attempts to reconnect are fast, later ones happen every ten seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 100].map(reconnectDelay)).toEqual([
    250, 1_000, 2_000, 5_000, 10_000, 10_000, 10_000,
  ])
})

test('each state has its text', () => {
  expect(connectionText({ state: 'connecting' })).toBe('Connecting…')
  expect(connectionText({ state: 'connected' })).toBe('Connected')
  expect(connectionText({ state: 'expiring', leftMs: 59_400 })).toBe('Your session ends in 1 minute')
  expect(connectionText({ state: 'expiring', leftMs: 119_000 })).toBe('Your session ends in 2 minutes')
  expect(connectionText({ state: 'expiring', leftMs: 9_000 })).toBe('Your session ends in less than a minute')
  expect(connectionText({ state: 'lost', retryAt: 0 })).toBe('Connection lost, retrying')
  expect(connectionText({ state: 'offline' })).toBe('You are offline')
  expect(connectionText({ state: 'signed-out', hadToken: false })).toBe('You are not signed in')
  expect(connectionText({ state: 'signed-out', hadToken: true })).toBe('Your session has ended')
})

test('a lost connection shows a countdown in whole seconds until the next attempt', () => {
  const lost = { state: 'lost', retryAt: 5_000 } as const
  expect([0, 1, 1_000, 4_999, 5_000, 9_000].map((now) => countdown(lost, now))).toEqual([
    'in 5 s',
    'in 5 s',
    'in 4 s',
    'in 1 s',
    'now…',
    'now…',
  ])
})

test('no other state shows a countdown', () => {
  expect(countdown({ state: 'connecting' }, 0)).toBe('')
  expect(countdown({ state: 'connected' }, 0)).toBe('')
})
