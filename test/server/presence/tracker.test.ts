import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { UsageError } from '../../../server/errors.ts'
import { definePresence } from '../../../server/presence/define-presence.ts'
import { turn } from '../../helpers/deferred.ts'
import { type Member, PresenceRoom } from '../../helpers/presence-room.ts'

const ann = { name: 'Ann', phx_ref: expect.any(String) }
const bob = { name: 'Bob', phx_ref: expect.any(String) }
const LEAVE = '["1","2","room:a","phx_leave",{}]'

/** A room with an onlooker and one member who is tracked as `ann`; the onlooker has taken her join. */
async function setUp() {
  const room = new PresenceRoom()
  const [onlooker, member] = [await room.join(), await room.join()]
  room.presence.track(member.socket, 'ann', { name: 'Ann' })
  await turn()
  onlooker.received()
  member.received()
  return { room, onlooker, member, presence: room.presence }
}

describe('track', () => {
  it('returns the reference of the meta, and broadcasts the join (PRESENCE-2)', async () => {
    const room = new PresenceRoom()
    const [onlooker, member, stranger] = [await room.join(), await room.join(), await room.join('room:b')]
    const result = room.presence.track(member.socket, 'ann', { name: 'Ann' })
    expect(result).toEqual({ ok: ann.phx_ref })
    await turn()
    const ref = 'ok' in result ? result.ok : ''
    const diff = { joins: { ann: { metas: [{ name: 'Ann', phx_ref: ref }] } }, leaves: {} }
    expect(onlooker.received()).toEqual([['presence_diff', diff]])
    expect(member.received()).toEqual([['presence_diff', diff]])
    expect(stranger.received()).toEqual([])
  })

  it('refuses a key under which the channel is already tracked (B199)', async () => {
    const { presence, onlooker, member } = await setUp()
    expect(presence.track(member.socket, 'ann', { name: 'Ann' })).toEqual({ error: 'already_tracked' })
    await turn()
    expect(onlooker.received()).toEqual([])
  })

  it('accepts several keys of one channel, and several channels of one key (B196)', async () => {
    const { presence, onlooker, member } = await setUp()
    presence.track(onlooker.socket, 'ann', { name: 'Ann' })
    presence.track(member.socket, 'bob', { name: 'Bob' })
    expect(presence.list(member.socket)).toEqual({ ann: { metas: [ann, ann] }, bob: { metas: [bob] } })
    member.client.send(LEAVE)
    expect(presence.list(onlooker.socket)).toEqual({ ann: { metas: [ann] } })
  })

  it('converts a number to a string (B195)', async () => {
    const { presence, member } = await setUp()
    presence.track(member.socket, 7, { name: 'Bob' })
    expect(presence.getByKey(member.socket, '7')).toEqual({ metas: [bob] })
    expect(presence.getByKey(member.socket, 7)).toEqual({ metas: [bob] })
  })

  it('tracks once if the toJSON of the meta tracks under the same key', async () => {
    const { presence, onlooker } = await setUp()
    const { socket } = onlooker
    const inner: unknown[] = []
    const toJSON = () => {
      inner.push(presence.track(socket, 'bob', { name: 'Bob' }))
      return { name: 'outer' }
    }
    const meta: object = { toJSON }
    expect(presence.track(socket, 'bob', meta as { name: string })).toEqual({ error: 'already_tracked' })
    expect(inner[0]).toEqual({ ok: bob.phx_ref })
    expect(presence.getByKey(socket, 'bob')).toEqual({ metas: [bob] })
    presence.untrack(socket, 'bob')
    expect(presence.getByKey(socket, 'bob')).toBeUndefined()
  })

  it('throws for an invalid meta, and tracks nothing', async () => {
    const { presence, member } = await setUp()
    // @ts-expect-error the name is a string
    expect(() => presence.track(member.socket, 'bob', { name: 7 })).toThrow(UsageError)
    expect(presence.getByKey(member.socket, 'bob')).toBeUndefined()
  })

  it('has no effect for a channel that has ended', async () => {
    const { presence, onlooker, member } = await setUp()
    member.client.send(LEAVE)
    await turn()
    onlooker.received()
    expect(presence.track(member.socket, 'bob', { name: 'Bob' })).toEqual({ ok: bob.phx_ref })
    await turn()
    expect(presence.list(onlooker.socket)).toEqual({})
    expect(onlooker.received()).toEqual([])
  })
})

describe('update', () => {
  it('is one diff: the new meta joins, the old one leaves (PRESENCE-4, B197)', async () => {
    const { presence, onlooker, member } = await setUp()
    const before = presence.getByKey(member.socket, 'ann')?.metas[0]
    const result = presence.update(member.socket, 'ann', { name: 'Anna' })
    await turn()
    const ref = 'ok' in result ? result.ok : ''
    const after = { name: 'Anna', phx_ref: ref, phx_ref_prev: before?.phx_ref }
    expect(onlooker.received()).toEqual([
      ['presence_diff', { joins: { ann: { metas: [after] } }, leaves: { ann: { metas: [before] } } }],
    ])
    expect(presence.list(onlooker.socket)).toEqual({ ann: { metas: [after] } })
  })

  it('calls a function with the current meta', async () => {
    const { presence, member } = await setUp()
    presence.update(member.socket, 'ann', (current) => ({ ...current, name: `${current.name}a` }))
    expect(presence.getByKey(member.socket, 'ann')?.metas[0]?.name).toBe('Anna')
  })

  it('refuses a key under which the channel is not tracked (B198)', async () => {
    const { presence, onlooker, member } = await setUp()
    expect(presence.update(member.socket, 'bob', { name: 'Bob' })).toEqual({ error: 'nopresence' })
    expect(presence.update(onlooker.socket, 'ann', { name: 'Bob' })).toEqual({ error: 'nopresence' })
    await turn()
    expect(onlooker.received()).toEqual([])
  })

  it('does not restore a presence that its function has untracked', async () => {
    const { presence, member } = await setUp()
    const result = presence.update(member.socket, 'ann', (current) => {
      presence.untrack(member.socket, 'ann')
      return current
    })
    expect(result).toEqual({ error: 'nopresence' })
    expect(presence.list(member.socket)).toEqual({})
  })

  it('throws for an invalid meta, and keeps the old one', async () => {
    const { presence, member } = await setUp()
    // @ts-expect-error the name is a string
    expect(() => presence.update(member.socket, 'ann', { name: 7 })).toThrow(UsageError)
    expect(presence.list(member.socket)).toEqual({ ann: { metas: [ann] } })
  })
})

describe('untrack', () => {
  it('is a diff; a second untrack has no effect (B200)', async () => {
    const { presence, onlooker, member } = await setUp()
    presence.untrack(member.socket, 'ann')
    await turn()
    expect(onlooker.received()).toEqual([['presence_diff', { joins: {}, leaves: { ann: { metas: [ann] } } }]])
    presence.untrack(member.socket, 'ann')
    await turn()
    expect(onlooker.received()).toEqual([])
  })

  it('frees the key', async () => {
    const { presence, member } = await setUp()
    presence.untrack(member.socket, 'ann')
    expect(presence.track(member.socket, 'ann', { name: 'Ann' })).toEqual({ ok: ann.phx_ref })
  })
})

describe('the end of a channel', () => {
  const ends: [name: string, end: (member: Member) => void][] = [
    ['a leave', ({ client }) => client.send(LEAVE)],
    ['a stop', ({ client }) => client.send('["1","2","room:a","stop",{}]')],
    ['a crash', ({ client }) => client.send('["1","2","room:a","boom",{}]')],
    ['a second join', ({ client }) => client.send('["2","2","room:a","phx_join",{}]')],
    ['a lost connection', ({ client }) => client.socket.closed('closed')],
    ['a disconnect', ({ client }) => client.socket.close(1001, 'disconnected')],
  ]

  it.each(ends)('by %s removes its presences in one diff', async (_name, end) => {
    const { presence, onlooker, member } = await setUp()
    presence.track(member.socket, 'bob', { name: 'Bob' })
    await turn()
    onlooker.received()
    end(member)
    expect(presence.list(onlooker.socket)).toEqual({})
    await turn()
    expect(onlooker.received()).toEqual([
      ['presence_diff', { joins: {}, leaves: { ann: { metas: [ann] }, bob: { metas: [bob] } } }],
    ])
  })

  it('by a drain removes all presences', async () => {
    const { room, presence } = await setUp()
    await room.endpoint.stop()
    expect(await presence.list(room.endpoint, 'room:a')).toEqual({})
  })

  it('is not sent to the channel itself', async () => {
    const { member } = await setUp()
    member.client.send(LEAVE)
    await turn()
    expect(member.received().map(([event]) => event)).toEqual(['phx_reply', 'phx_close'])
  })
})

describe('lists', () => {
  it('are the same for a channel and for the endpoint', async () => {
    const { room, presence, onlooker } = await setUp()
    expect(presence.list(onlooker.socket)).toEqual({ ann: { metas: [ann] } })
    expect(await presence.list(room.endpoint, 'room:a')).toEqual({ ann: { metas: [ann] } })
    expect(await presence.list(room.endpoint, 'room:b')).toEqual({})
    expect(await presence.getByKey(room.endpoint, 'room:a', 'ann')).toEqual({ metas: [ann] })
    expect(await presence.getByKey(room.endpoint, 'room:a', 'bob')).toBeUndefined()
    expect(presence.getByKey(onlooker.socket, 'constructor')).toBeUndefined()
  })

  it('are copies: changes by the caller have no effect', async () => {
    const { presence, onlooker } = await setUp()
    const list = presence.list(onlooker.socket)
    list['ann']?.metas.pop()
    list['eve'] = { metas: [] }
    expect(presence.list(onlooker.socket)).toEqual({ ann: { metas: [ann] } })
  })

  it('include the fields of fetch', async () => {
    const room = new PresenceRoom({
      fetch: (topic, presences) =>
        Object.fromEntries(Object.keys(presences).map((key) => [key, { title: `${key} of ${topic}` }])),
    })
    const { socket } = await room.join()
    room.presence.track(socket, 'ann', { name: 'Ann' })
    expect(room.presence.list(socket)).toEqual({ ann: { metas: [ann], title: 'ann of room:a' } })
    expect(room.presence.getByKey(socket, 'ann')?.title).toBe('ann of room:a')
    expect((await room.presence.list(room.endpoint, 'room:a'))['ann']?.title).toBe('ann of room:a')
  })

  it('are complete even if fetch modifies its argument', async () => {
    const room = new PresenceRoom({
      fetch(_topic, presences) {
        for (const key of Object.keys(presences)) delete presences[key]
        return presences
      },
    })
    const { socket } = await room.join()
    room.presence.track(socket, 'ann', { name: 'Ann' })
    expect(room.presence.list(socket)).toEqual({ ann: { metas: [ann] } })
  })

  it('are promises if fetch returns one, and reject if it does', async () => {
    let fails = false
    const room = new PresenceRoom({
      fetch: async (_topic, presences) => {
        if (fails) throw new Error('no database')
        return Object.fromEntries(Object.keys(presences).map((key) => [key, { age: 7 }]))
      },
    })
    const { socket } = await room.join()
    room.presence.track(socket, 'ann', { name: 'Ann' })
    expect(await room.presence.list(socket)).toEqual({ ann: { metas: [ann], age: 7 } })
    expect((await room.presence.getByKey(socket, 'ann'))?.age).toBe(7)
    fails = true
    await expect(room.presence.list(socket)).rejects.toThrow('no database')
  })
})

it('rejects a channel whose topic the contract does not match', async () => {
  const { socket } = await new PresenceRoom().join('room:a')
  const games = definePresence(defineContract({ topic: 'game:*', presence: Type.Object({}) }))
  expect(() => games.track(socket, 'ann', {})).toThrow(
    'presence "game:*": the topic must match "game:*" (got "room:a")',
  )
})
