import { expect, test } from 'vitest'
import { memoryStore, openStore } from '../../../client/app/store.ts'

test('the browser’s store is used if it works', () => {
  const store = memoryStore()
  expect(openStore(() => store)).toBe(store)
})

test.each([
  [
    'may not be opened',
    () => {
      throw new Error('SecurityError')
    },
  ],
  [
    'is full',
    () => ({
      ...memoryStore(),
      setItem() {
        throw new Error('QuotaExceededError')
      },
    }),
  ],
])('memory replaces a store that %s', (_what, open) => {
  const store = openStore(open)
  store.setItem('name', 'Ann')
  expect(store.getItem('name')).toBe('Ann')
  store.removeItem('name')
  expect(store.getItem('name')).toBeNull()
})
