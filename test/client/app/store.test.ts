import { expect, test } from 'vitest'
import { memoryStore, openStore } from '../../../client/app/store.ts'

/** Store of a browser that has room for values of up to `limit` characters. */
function browserStore(limit: number) {
  const items = memoryStore()
  return {
    ...items,
    setItem(key: string, value: string) {
      if (value.length > limit) throw new Error('QuotaExceededError')
      items.setItem(key, value)
    },
  }
}

test('values are stored in the browser’s store if it works', () => {
  const browser = memoryStore()
  const store = openStore(() => browser)
  store.setItem('name', 'Ann')
  expect([browser.getItem('name'), store.getItem('name')]).toEqual(['Ann', 'Ann'])
  store.removeItem('name')
  expect([browser.getItem('name'), store.getItem('name')]).toEqual([null, null])
})

test.each([
  [
    'may not be opened',
    () => {
      throw new Error('SecurityError')
    },
  ],
  ['is null', () => null as never],
  ['is full', () => browserStore(0)],
])('memory replaces a store that %s', (_what, open) => {
  const store = openStore(open)
  store.setItem('name', 'Ann')
  expect(store.getItem('name')).toBe('Ann')
  store.removeItem('name')
  expect(store.getItem('name')).toBeNull()
})

test('a value that does not fit is kept in memory, and the values that are stored can be read', () => {
  const browser = browserStore(3)
  browser.setItem('name', 'Ann')
  const store = openStore(() => browser)
  store.setItem('token', 'long')
  expect([store.getItem('name'), store.getItem('token')]).toEqual(['Ann', 'long'])

  store.setItem('name', 'Annette')
  expect([store.getItem('name'), browser.getItem('name')]).toEqual(['Annette', 'Ann'])
  store.setItem('name', 'Bob')
  expect([store.getItem('name'), browser.getItem('name')]).toEqual(['Bob', 'Bob'])
  store.setItem('name', 'Bobby')
  store.removeItem('name')
  expect([store.getItem('name'), browser.getItem('name')]).toEqual([null, null])
})

test('a store that is already full still gives the values that it has', () => {
  const browser = memoryStore()
  browser.setItem('token', 'a.b.c')
  const full = {
    ...browser,
    setItem() {
      throw new Error('QuotaExceededError')
    },
  }
  expect(openStore(() => full).getItem('token')).toBe('a.b.c')
})
