import { expect, test } from 'vitest'
import { callbackKind, closeCode } from '../../../server/metrics/labels.ts'

test.each([
  [1000, 'client', '1000'],
  [1006, 'client', '1006'],
  [4321, 'client', 'other'],
  [1013, 'client', 'other'],
  [1013, 'server', '1013'],
  [4401, 'server', '4401'],
  [null, 'server', 'none'],
] as const)('the close code %s of the %s is counted as %s', (code, by, label) => {
  expect(closeCode(code, by)).toBe(label)
})

test.each([
  ['join', 'join'],
  ['handleIn.new_msg', 'handleIn'],
  ['handleIn.a.b', 'handleIn'],
])('the kind of %s is %s', (callback, kind) => {
  expect(callbackKind(callback)).toBe(kind)
})
