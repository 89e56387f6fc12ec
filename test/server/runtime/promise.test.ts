import { expect, test } from 'vitest'
import { adopt, disown, isPromise } from '../../../server/runtime/promise.ts'
import { turn } from '../../helpers/deferred.ts'
import { revokedProxy } from '../../helpers/mistakes.ts'

/** As the queries of some databases are. */
const withThen = (value: unknown): object => Object.fromEntries([['then', value]])

test.each([
  [Promise.resolve(), true],
  [withThen(() => {}), true],
  [withThen({ name: 'Then' }), false],
  [undefined, false],
  [null, false],
  [{ ok: {} }, false],
  ['then', false],
])('tells promises from other values: %#', (value, expected) => {
  expect(isPromise(value)).toBe(expected)
})

test('uses the first outcome of a promise, and ignores later ones', async () => {
  const twice = withThen((ok: (n: number) => void, no: (error: Error) => void) => {
    ok(1)
    ok(2)
    no(new Error('x'))
    throw new Error('y')
  })
  await expect(adopt(twice as PromiseLike<number>)).resolves.toBe(1)
  const broken = withThen(() => {
    throw new Error('x')
  })
  await expect(adopt(broken as PromiseLike<number>)).rejects.toThrow('x')
})

test('disown accepts any value, and ignores rejections', async () => {
  const unreadable = Object.defineProperty({}, 'then', {
    get() {
      throw new Error('x')
    },
  })
  for (const value of [Promise.reject(new Error('x')), revokedProxy(), unreadable, 7, null]) disown(value)
  await turn()
})
