import { expect, it } from 'vitest'
import { compile } from '../../../server/channel/validate.ts'
import { definePresence } from '../../../server/presence/define-presence.ts'
import { LocalStore } from '../../../server/presence/local-store.ts'
import { Trackers } from '../../../server/presence/trackers.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { turn } from '../../helpers/deferred.ts'
import { PresenceRoom, Room } from '../../helpers/presence-room.ts'

it('keeps the presences of two definitions on one topic separate', async () => {
  const { presence, ...room } = await setUp()
  const watchers = definePresence(Room, { name: 'watchers' })
  presence.track(room.ann.socket, 'ann', { name: 'Ann' })
  expect(watchers.track(room.ann.socket, 'ann', { name: 'A.' })).toHaveProperty('ok')
  expect(presence.getByKey(room.ann.socket, 'ann')?.metas).toMatchObject([{ name: 'Ann' }])
  expect(watchers.getByKey(room.ann.socket, 'ann')?.metas).toMatchObject([{ name: 'A.' }])
  room.ann.client.socket.closed('closed')
  expect([
    await presence.list(room.endpoint, 'room:a'),
    await watchers.list(room.endpoint, 'room:a'),
  ]).toEqual([{}, {}])
})

it('refuses two definitions with the same name', async () => {
  const { presence, ann } = await setUp()
  presence.list(ann.socket)
  expect(() => definePresence(Room).list(ann.socket)).toThrow(
    expect.objectContaining({
      code: 'PHX_ERR_DEFINITION',
      message:
        'two presence definitions have the name "room:*": ' +
        '`name` (default: the topic of the contract) must be unique in an endpoint',
    }),
  )
})

it('are separate for two endpoints', async () => {
  const { presence, ann } = await setUp()
  presence.track(ann.socket, 'ann', { name: 'Ann' })
  expect(await presence.list(new TestEndpoint(), 'room:a')).toEqual({})
})

it('opens the store by the name of the definition, and broadcasts changes of other nodes', async () => {
  const { endpoint, ann } = await setUp()
  const stores = new Map<string, LocalStore>()
  const trackers = new Trackers(endpoint, compile, ({ name }, changed) => {
    const store = new LocalStore(changed)
    stores.set(name, store)
    return store
  })
  const node = { trackers }
  const presence = definePresence(Room)
  expect(await presence.list(node, 'room:a')).toEqual({})
  expect([...stores.keys()]).toEqual(['room:*'])
  const bob = { key: 'bob', meta: { name: 'Bob', phx_ref: 'F1' } }
  stores.get('room:*')?.change('room:a', { joins: [bob], leaves: [] })
  await turn()
  expect(ann.received()).toEqual([['presence_diff', { joins: { bob: { metas: [bob.meta] } }, leaves: {} }]])
  expect(await presence.list(node, 'room:a')).toEqual({ bob: { metas: [bob.meta] } })
})

async function setUp() {
  const room = new PresenceRoom()
  const ann = await room.join()
  return { endpoint: room.endpoint, presence: room.presence, ann }
}
