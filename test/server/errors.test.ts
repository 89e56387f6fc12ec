import { expect, test } from 'vitest'
import { CallbackError, errorCodes, UsageError } from '../../server/errors.ts'

test('a usage error has a stable code and a message', () => {
  const error = new UsageError('PHX_ERR_OPTION', 'maxChannels is a positive integer, not 0')
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'UsageError', code: 'PHX_ERR_OPTION' })
  expect(String(error)).toBe('UsageError: maxChannels is a positive integer, not 0')
})

test.each([
  [new TypeError('boom'), 'boom'],
  ['boom', 'boom'],
  [7n, '7n'],
  [undefined, 'undefined'],
  [null, 'null'],
  [Object.create(null), '[Object: null prototype] {}'],
])('a callback error names the callback and contains its error: %#', (cause, shown) => {
  const error = new CallbackError('room:*', 'handleIn.new_msg', cause)
  expect(error).toMatchObject({
    name: 'CallbackError',
    code: 'PHX_ERR_CALLBACK',
    owner: 'room:*',
    callback: 'handleIn.new_msg',
  })
  expect(error.cause).toBe(cause)
  expect(error.message).toBe(`room:*: handleIn.new_msg failed: ${shown}`)
})

test('every code has an explanation, and the list of codes is frozen', () => {
  for (const [code, text] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^PHX_ERR_[A-Z_]+$/)
    expect(text).toMatch(/^[a-z ,'`()]{10,}$/)
  }
  expect(Object.isFrozen(errorCodes)).toBe(true)
})
