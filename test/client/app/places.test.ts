import { expect, test } from 'vitest'
import { Places } from '../../../client/app/places.ts'
import { memoryStore } from '../../../client/app/store.ts'

test('the cursor of a room and the list of open rooms survive a reload of the page', () => {
  const [browser, tab] = [memoryStore(), memoryStore()]
  const before = new Places(browser, tab)
  before.keep('lobby', { epoch: '1', seq: 7 })
  before.keep('den', { epoch: '1', seq: 2 })
  before.open(['den', 'lobby'])

  const places = new Places(browser, tab)
  expect([places.lastRead('lobby'), places.lastRead('attic')]).toEqual([{ epoch: '1', seq: 7 }, null])
  expect(places.rooms).toEqual(['den', 'lobby'])
})

test('a tab that has read less does not move the cursor back, unless the epoch has changed', () => {
  const places = new Places(memoryStore(), memoryStore())
  places.keep('lobby', { epoch: '1', seq: 7 })
  places.keep('lobby', { epoch: '1', seq: 3 })
  expect(places.lastRead('lobby')).toEqual({ epoch: '1', seq: 7 })
  places.keep('lobby', { epoch: '2', seq: 1 })
  expect(places.lastRead('lobby')).toEqual({ epoch: '2', seq: 1 })
})

test.each(['', '{', '7', '[7, [], ["lobby", 1, "x"]]'])(
  'stored cursors in another format are ignored: %s',
  (text) => {
    const store = memoryStore()
    store.setItem('fastify-phoenix.places', text)
    expect(new Places(store, store).lastRead('lobby')).toBe(null)
  },
)
