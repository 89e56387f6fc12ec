import { describe, expect, test } from 'vitest'
import {
  badReply,
  badResult,
  isAnnounced,
  readReply,
  readStop,
  shutdown,
} from '../../../server/channel/result.ts'
import { UsageError } from '../../../server/errors.ts'

describe('an exit reason', () => {
  test.each(['normal', 'shutdown', shutdown('left'), shutdown(undefined)])(
    '%j is an announced reason',
    (reason) => {
      expect(isAnnounced(reason)).toBe(true)
    },
  )

  test.each(['kicked', '', new Error('boom'), undefined, null, 0])('%j counts as a crash', (reason) => {
    expect(isAnnounced(reason)).toBe(false)
  })

  test('shutdown accepts any word and returns a constant', () => {
    const reason = shutdown({ by: 'admin' })
    expect(reason).toStrictEqual({ shutdown: { by: 'admin' } })
    expect(Object.isFrozen(reason)).toBe(true)
  })
})

describe('a reply', () => {
  test.each([
    [{ ok: { n: 1 } }, 'ok', { n: 1 }],
    [{ ok: [1] }, 'ok', [1]],
    [{ ok: 1, error: undefined }, 'ok', 1],
    [{ error: { reason: 'no' } }, 'error', { reason: 'no' }],
    [{ status: 'retry', payload: { after: 1 } }, 'retry', { after: 1 }],
    [{ status: 'later' }, 'later', {}],
  ])('is accepted as %j', (result, status, response) => {
    expect(readReply(result)).toStrictEqual({ status, response })
  })

  test.each([undefined, null, 'ok', 1, true, [], {}, { status: 1 }, { stop: 'normal' }, { ok: 1, error: 2 }])(
    'is not accepted as %j',
    (result) => {
      expect(readReply(result)).toBeNull()
    },
  )
})

test('the error for an invalid reply names the valid ones (REPLY-3)', () => {
  const forms = '{ ok: reply }, { error: reason } or { status: string, payload }'
  expect(badReply('yes').message).toBe(`reply(ref, result): \`result\` must be ${forms} (got 'yes')`)
})

describe('a stop', () => {
  test('is accepted with its reason', () => {
    expect(readStop({ stop: 'normal' })).toStrictEqual({ reason: 'normal', reply: null })
  })

  test('is accepted with its reply', () => {
    const reply = { status: 'ok', response: { bye: true } }
    expect(readStop({ stop: 'shutdown', reply: { ok: { bye: true } } })).toStrictEqual({
      reason: 'shutdown',
      reply,
    })
  })

  test.each([undefined, null, 'stop', {}, { ok: {} }, { stop: 'normal', reply: 'bye' }])(
    'is not accepted as %j',
    (result) => {
      expect(readStop(result)).toBeNull()
    },
  )
})

describe('the error for any other result', () => {
  test.each([
    ['join', 'join must return { ok: reply } or { error: reason } (got { oops: 1 })'],
    [
      'handleIn.new_msg',
      'handleIn.new_msg must return undefined, { ok: reply }, { error: reason }, ' +
        '{ status: string, payload } or { stop: reason, reply? } (got { oops: 1 })',
    ],
    ['handleOut.new_msg', 'handleOut.new_msg must return undefined or { stop: reason } (got { oops: 1 })'],
    ['handleInfo.tick', 'handleInfo.tick must return undefined or { stop: reason } (got { oops: 1 })'],
  ])('names the valid forms of %s', (callback, message) => {
    const error = badResult(callback, { oops: 1 })
    expect(error).toBeInstanceOf(UsageError)
    expect(error.code).toBe('PHX_ERR_RESULT')
    expect(error.message).toBe(message)
  })

  test.each([
    [undefined, 'undefined'],
    ['ok', "'ok'"],
    [1n, '1n'],
    [Symbol('x'), 'Symbol(x)'],
    [{ n: 1n }, '{ n: 1n }'],
    [Object.create(null), '[Object: null prototype] {}'],
  ])('shows the value as Node does: %#', (value, shown) => {
    expect(badResult('join', value).message).toContain(`(got ${shown})`)
  })

  test('can show a value that refers to itself', () => {
    const cycle: { self?: object } = {}
    cycle.self = cycle
    expect(badResult('join', cycle).message).toContain('[Circular')
  })
})
