import { expect, test } from 'vitest'
import { difference, exactly } from '../../../server/testing/expected.ts'

test.each([
  [{ a: 1 }, { a: 1, b: 2 }],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2, d: 3 }] } }],
  [{ a: undefined }, { b: 1 }],
  [(value: number) => value > 1, 2],
  [exactly({ a: 1 }), { a: 1 }],
  [{ a: expect.any(Number) }, { a: 7 }],
  [new Uint8Array([1]), new Uint8Array([1])],
  [undefined, undefined],
  [null, null],
  ['a', 'a'],
])('%j matches %j', (expected, actual) => {
  expect(difference(expected, actual)).toBeNull()
})

function refuse(): never {
  throw 'no'
}

test.each([
  [{ a: 1 }, { a: 2 }, 'a: expected 1, got 2'],
  [{ a: undefined }, { a: 1 }, 'a: expected undefined, got 1'],
  [{ a: { b: [1, 2] } }, { a: { b: [1] } }, 'a.b: expected [ 1, 2 ], got [ 1 ]'],
  [exactly({ a: 1 }), { a: 1, b: 2 }, 'expected exactly { a: 1 }, got { a: 1, b: 2 }'],
  [{ a: () => false }, { a: 1 }, 'a: the predicate returned false'],
  [{ a: () => {} }, { a: 1 }, 'a: the predicate returned undefined'],
  [{ a: expect.any(Number) }, { a: 'x' }, "a: expected Any<Number>, got 'x'"],
  [
    { a: (value: string) => value.trim() },
    { a: 1 },
    'a: the predicate threw TypeError: value.trim is not a function',
  ],
  [refuse, 1, "the predicate threw 'no'"],
  [
    { a: { asymmetricMatch: refuse, toString: () => 'M' } },
    { a: 1 },
    "a: expected M, got 1; the matcher threw 'no'",
  ],
  [{ a: 1 }, null, 'expected { a: 1 }, got null'],
  [[1], { 0: 1, length: 1 }, "expected [ 1 ], got { '0': 1, length: 1 }"],
])('%j does not match %j', (expected, actual, words) => {
  expect(difference(expected, actual)).toBe(words)
})
