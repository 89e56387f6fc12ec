import { expect, it } from 'vitest'
import { LocalStore } from '../../../server/presence/local-store.ts'
import type { Change, Presence } from '../../../server/presence/state.ts'

const ann: Presence = { key: 'ann', meta: { phx_ref: 'F1' } }

function setUp() {
  const heard: [topic: string, change: Change][] = []
  const store = new LocalStore((topic, change) => heard.push([topic, change]))
  return { store, heard }
}

it('has a view of each topic, which is updated when the change returns', () => {
  const { store } = setUp()
  store.change('room:a', { joins: [ann], leaves: [] })
  expect([...store.view('room:a')]).toEqual([ann])
  expect([...store.view('room:b')]).toEqual([])
  store.change('room:a', { joins: [], leaves: [ann] })
  expect([...store.view('room:a')]).toEqual([])
})

it('reports only the part of a change that has an effect', () => {
  const { store, heard } = setUp()
  store.change('room:a', { joins: [ann], leaves: [] })
  store.change('room:a', { joins: [ann], leaves: [] })
  expect(heard).toEqual([
    ['room:a', { joins: [ann], leaves: [] }],
    ['room:a', { joins: [], leaves: [] }],
  ])
})

it('uses its own view as the view of the cluster', async () => {
  const { store } = setUp()
  store.change('room:a', { joins: [ann], leaves: [] })
  expect([...(await store.read('room:a'))]).toEqual([ann])
})
