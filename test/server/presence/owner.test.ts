import { expect, it } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import type { PresenceOwner, Tracked } from '../../../server/presence/tracked.ts'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { turn } from '../../helpers/deferred.ts'
import { PresenceRoom, Room } from '../../helpers/presence-room.ts'
import { startWorker } from '../../helpers/start-worker.ts'

const Bot = defineWorker({ name: 'bot', init: (_context: null) => ({}) })

it('a worker is present on given topics until it ends (PRESENCE-14)', async () => {
  const room = new PresenceRoom()
  const { presence, endpoint } = room
  const onlooker = await room.join()
  const { worker } = await startWorker(Bot, null)
  const owner = endpoint.ownerOf(worker)
  expect(endpoint.ownerOf(worker)).toBe(owner)
  expect(presence.track(owner, 'room:a', 'bot', { name: 'Bot' })).toHaveProperty('ok')
  expect(presence.track(owner, 'room:a', 'bot', { name: 'Bot' })).toEqual({ error: 'already_tracked' })
  expect(presence.track(owner, 'room:b', 'bot', { name: 'Bot' })).toHaveProperty('ok')
  expect(presence.update(owner, 'room:b', 'bot', ({ name }) => ({ name: `${name}!` }))).toHaveProperty('ok')
  expect(presence.update(owner, 'room:c', 'bot', { name: 'Bot' })).toEqual({ error: 'nopresence' })
  await turn()
  expect(onlooker.received()).toMatchObject([
    ['presence_diff', { joins: { bot: { metas: [{ name: 'Bot' }] } } }],
  ])
  expect(await presence.list(endpoint, 'room:b')).toMatchObject({ bot: { metas: [{ name: 'Bot!' }] } })
  worker.stop()
  await worker.exited
  // In the first turn the owner hears of the end, in the second the diff leaves.
  await turn()
  await turn()
  expect(onlooker.received()).toMatchObject([['presence_diff', { joins: {}, leaves: { bot: {} } }]])
  expect(await presence.list(endpoint, 'room:b')).toEqual({})
  expect([...endpoint.trackers].map(({ size }) => size)).toEqual([0])
  presence.track(owner, 'room:a', 'bot', { name: 'Late' })
  expect(await presence.list(endpoint, 'room:a')).toEqual({})
})

it('a channel is present on another topic of the contract, until it untracks or ends', async () => {
  const room = new PresenceRoom()
  const { presence, endpoint } = room
  const [member, stranger] = [await room.join(), await room.join('room:b')]
  presence.track(member.socket, 'ann', { name: 'Ann' })
  for (const key of ['ann', 7]) presence.track(member.socket, 'room:b', key, { name: 'Ann' })
  expect(Object.keys(presence.list(stranger.socket))).toEqual(['7', 'ann'])
  presence.untrack(member.socket, 'room:b', 7)
  expect(Object.keys(presence.list(stranger.socket))).toEqual(['ann'])
  presence.untrack(member.socket, 'room:c', 'ann')
  member.client.socket.closed('closed')
  expect(presence.list(stranger.socket)).toEqual({})
  expect(await presence.list(endpoint, 'room:a')).toEqual({})
})

it('rejects an endpoint without a topic, and names the call', () => {
  const { presence, endpoint } = new PresenceRoom()
  const member = endpoint as unknown as Tracked
  const legal = 'the first argument must be the socket of a channel'
  expect(() => presence.pushState(member)).toThrow(`presence "${Room.topic}": pushState(): ${legal} (got`)
  expect(() => presence.list(member)).toThrow(`list(): ${legal}, unless a topic follows (got`)
  expect(() => presence.getByKey(member, 'ann')).toThrow(
    `getByKey(): ${legal}, unless a topic and a key follow (got`,
  )
})

it('rejects a topic outside of the contract, an owner without a topic, and an owner without `exited`', async () => {
  const room = new PresenceRoom()
  const member = await room.join()
  expect(() => room.presence.track(member.socket, 'other:a', 'ann', { name: 'Ann' })).toThrow(
    `presence "${Room.topic}": the topic must match "${Room.topic}" (got "other:a")`,
  )
  const { worker } = await startWorker(Bot, null)
  const owner = room.endpoint.ownerOf(worker)
  const track = room.presence.track as unknown as (owner: PresenceOwner, key: string, meta: object) => unknown
  expect(() => track(owner, 'bot', { name: 'Bot' })).toThrow(
    'the topic after the owner is missing; only the socket of a channel has a topic of its own',
  )
  for (const living of [null, 1, {}]) {
    expect(() => room.endpoint.ownerOf(living as typeof worker)).toThrow(UsageError)
  }
})
