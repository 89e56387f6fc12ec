import fc from 'fast-check'
import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import { Identity, personNameError } from '../../../client/app/identity.ts'
import { memoryStore, type Store } from '../../../client/app/store.ts'
import { limits, PersonName, Room } from '../../../server/app/contracts/room.ts'

/** The items of a store are spoilt whatever their keys. */
function spoilt(store: Store, value: string): Store {
  return { ...store, getItem: (key) => (store.getItem(key) === null ? null : value) }
}

test('a client without a name is a guest and joins with empty params', () => {
  const me = new Identity(memoryStore())
  expect([me.name, me.joinParams]).toEqual([null, {}])
})

test('a name is stored, and joins use it in the params that the contract defines', () => {
  const store = memoryStore()
  new Identity(store).rename('Ann')

  const { name, client, joinParams } = new Identity(store)

  expect([name, joinParams]).toEqual(['Ann', { name: 'Ann', client }])
  expect(Value.Check(Room.params, joinParams)).toBe(true)
})

test('with users, the name comes from the token: there are no guests, and names cannot be changed', () => {
  const me = new Identity(memoryStore())
  expect([me.canRename, me.isGuest, me.id]).toEqual([true, true, me.client])
  me.signIn({ id: 'ann', name: 'Ann' })
  expect([me.canRename, me.isGuest, me.id]).toEqual([false, false, 'ann'])
  me.signIn(null, true)
  expect([me.canRename, me.isGuest]).toEqual([false, false])
})

test('a user who removes the name is a guest again', () => {
  const me = new Identity(memoryStore())
  me.rename('Ann')
  me.rename(null)
  expect([me.name, me.joinParams]).toEqual([null, {}])
})

test('the id belongs to the browser: it is the same in all tabs, and differs in another browser', () => {
  const store = memoryStore()
  const { client } = new Identity(store)
  expect(new Identity(store).client).toBe(client)
  expect(new Identity(memoryStore()).client).not.toBe(client)
})

test('changes that another tab stores take effect at once', () => {
  const store = memoryStore()
  const [here, there] = [new Identity(store), new Identity(store)]
  here.rename('Ann')
  there.rename('Annie')
  expect(here.name).toBe('Annie')
})

test.each(['', ' \n', 'x'.repeat(65)])(
  'if the store contains %j, the user is a guest with a new id',
  (value) => {
    const store = memoryStore()
    const { client } = new Identity(store)
    new Identity(store).rename('Ann')

    const me = new Identity(spoilt(store, value))

    expect([me.name, me.joinParams]).toEqual([null, {}])
    expect(me.client).not.toBe(client)
    expect(me.client).toMatch(/^[\w-]{1,64}$/)
  },
)

test('a name is refused exactly if the contract refuses it', () => {
  const anyName = fc.oneof(
    fc.string({ unit: 'binary', maxLength: limits.personName + 2 }),
    fc.string({ unit: fc.constantFrom('a', '\t', '\u0085', '🐦', ' '), maxLength: limits.personName + 2 }),
  )
  fc.assert(
    fc.property(anyName, (name) => {
      expect(personNameError(name) === null).toBe(Value.Check(PersonName, name))
    }),
  )
})

test.each([
  ['', 'Type a name.'],
  ['a\tb', 'A name cannot contain tabs, line breaks or other control characters.'],
  ['x'.repeat(41), 'A name has at most 40 characters; this name has 41.'],
])('the name %j is refused with a sentence that gives the reason', (name, sentence) => {
  expect(personNameError(name)).toBe(sentence)
})
