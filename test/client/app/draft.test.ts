import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import { isSendable, lengthHint } from '../../../client/app/draft.ts'
import { limits, NewMessage } from '../../../server/app/contracts/room.ts'

test.each(['', ' ', '\n\t '])('a draft without a visible character is not sent: %j', (draft) => {
  expect(isSendable(draft)).toBe(false)
})

test.each(['a', '🐦'])(
  'a draft of the maximum length is sent, and one character more is refused: %s',
  (character) => {
    const longest = character.repeat(limits.body)
    expect([isSendable(longest), Value.Check(NewMessage, { body: longest })]).toEqual([true, true])
    const longer = longest + character
    expect([isSendable(longer), Value.Check(NewMessage, { body: longer })]).toEqual([false, false])
  },
)

test('the hint appears when only few characters are left', () => {
  expect(lengthHint('x'.repeat(limits.body - 200))).toBe('')
  expect(lengthHint('x'.repeat(limits.body - 199))).toBe('199 characters left')
  expect(lengthHint('x'.repeat(limits.body - 1))).toBe('1 character left')
  expect(lengthHint('x'.repeat(limits.body + 1))).toBe('1 character too many')
  expect(lengthHint('x'.repeat(limits.body + 3))).toBe('3 characters too many')
})
