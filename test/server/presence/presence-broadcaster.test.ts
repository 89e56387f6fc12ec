import { describe, expect, it, vi } from 'vitest'
import type { PresenceOptions } from '../../../server/presence/define-presence.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { mistakes } from '../../helpers/mistakes.ts'
import { type Member, PresenceRoom, type Room } from '../../helpers/presence-room.ts'

const meta = (name: string) => ({ name, phx_ref: expect.any(String) })
const entries = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { metas: [meta(name)] }]))
const joins = (...names: string[]) => ['presence_diff', { joins: entries(...names), leaves: {} }]
const leaves = (...names: string[]) => ['presence_diff', { joins: {}, leaves: entries(...names) }]
const state = (...names: string[]) => ['presence_state', entries(...names)]
const LEAVE = '["1","2","room:a","phx_leave",{}]'

describe('diffs', () => {
  it('of one topic and one turn are sent as one frame (PRESENCE-4)', async () => {
    const { presence, members } = await withMembers()
    const [ann, bob, cid] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.track(bob.socket, 'bob', { name: 'bob' })
    await turn()
    expect(cid.received()).toEqual([joins('ann', 'bob')])
    presence.track(cid.socket, 'cid', { name: 'cid' })
    ann.client.send(LEAVE)
    await turn()
    expect(cid.received()).toEqual([['presence_diff', { joins: entries('cid'), leaves: entries('ann') }]])
  })

  it('omit a presence that joined and left in the same turn (PRESENCE-4)', async () => {
    const { presence, members } = await withMembers()
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    ann.client.send(LEAVE)
    await turn()
    expect(bob.received()).toEqual([])
  })

  it.each(['list', 'getByKey'] as const)(
    'contain the leave of a presence that came and went if %s showed it meanwhile (PRESENCE-4)',
    async (read) => {
      useFakeTimers()
      const { presence, members } = await withMembers({ windowMs: 1_000 })
      const [ann, bob] = members
      presence.track(ann.socket, 'ann', { name: 'ann' })
      if (read === 'list') expect(presence.list(bob.socket)).toEqual(entries('ann'))
      else expect(presence.getByKey(bob.socket, 'ann')).toEqual(entries('ann')['ann'])
      ann.client.send(LEAVE)
      await vi.advanceTimersByTimeAsync(1_000)
      expect(bob.received()).toEqual([leaves('ann')])
    },
  )

  it('merge all updates of one window into one join and one leave (PRESENCE-4)', async () => {
    useFakeTimers()
    const { presence, members } = await withMembers({ windowMs: 1_000 })
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    await vi.advanceTimersByTimeAsync(1_000)
    bob.received()
    for (let n = 0; n < 20; n += 1) presence.update(ann.socket, 'ann', { name: 'ann' })
    await vi.advanceTimersByTimeAsync(1_000)
    const updated = { ann: { metas: [{ ...meta('ann'), phx_ref_prev: expect.any(String) }] } }
    expect(bob.received()).toEqual([['presence_diff', { joins: updated, leaves: entries('ann') }]])
  })

  it('collect changes during the whole window', async () => {
    useFakeTimers()
    const { presence, members } = await withMembers({ windowMs: 1_000 })
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    await vi.advanceTimersByTimeAsync(999)
    presence.track(bob.socket, 'bob', { name: 'bob' })
    presence.pushState(bob.socket)
    expect(presence.list(bob.socket)).toEqual(entries('ann', 'bob'))
    expect(bob.received()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(bob.received()).toEqual([joins('ann', 'bob'), state('ann', 'bob')])
    presence.untrack(ann.socket, 'ann')
    await vi.advanceTimersByTimeAsync(999)
    expect(bob.received()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(bob.received()).toEqual([leaves('ann')])
  })
})

describe('states', () => {
  it('are sent after the diff with the join of their channel (PRESENCE-5)', async () => {
    const { presence, members } = await withMembers()
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.pushState(ann.socket)
    presence.track(bob.socket, 'bob', { name: 'bob' })
    await turn()
    expect(ann.received()).toEqual([joins('ann', 'bob'), state('ann', 'bob')])
    expect(bob.received()).toEqual([joins('ann', 'bob')])
  })

  it('are sent to untracked channels too, and are empty without presences (PRESENCE-1)', async () => {
    const { presence, members } = await withMembers()
    presence.pushState(members[0].socket)
    await turn()
    expect(members[0].received()).toEqual([['presence_state', {}]])
  })

  it('are sent once per turn, however often they are requested', async () => {
    const { presence, members } = await withMembers()
    for (let times = 0; times < 3; times++) presence.pushState(members[0].socket)
    await turn()
    expect(members[0].received()).toEqual([['presence_state', {}]])
    presence.pushState(members[0].socket)
    await turn()
    expect(members[0].received()).toEqual([['presence_state', {}]])
  })

  it('are not sent to a channel that has ended', async () => {
    const { presence, members } = await withMembers()
    const [ann] = members
    presence.pushState(ann.socket)
    ann.client.send(LEAVE)
    presence.pushState(ann.socket)
    await turn()
    expect(ann.received().map(([event]) => event)).toEqual(['phx_reply', 'phx_close'])
  })

  it('that the application pushes are sent after the diff too', async () => {
    const { presence, members } = await withMembers()
    const [ann] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    ann.socket.push('presence_state', presence.list(ann.socket))
    await turn()
    expect(ann.received()).toEqual([joins('ann'), state('ann')])
  })
})

describe('counts', () => {
  it('replace states that are too large, and then follow each diff (PRESENCE-7)', async () => {
    const { presence, members } = await withMembers({ maxState: 2 })
    const [ann, bob, cid] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.track(bob.socket, 'bob', { name: 'bob' })
    presence.pushState(ann.socket)
    await turn()
    expect(ann.received()).toEqual([joins('ann', 'bob'), state('ann', 'bob')])
    presence.track(cid.socket, 'cid', { name: 'cid' })
    presence.pushState(cid.socket)
    await turn()
    expect(cid.received()).toEqual([
      joins('ann', 'bob'),
      joins('cid'),
      ['presence_state', {}],
      ['presence_count', { count: 3 }],
    ])
    expect(ann.received()).toEqual([joins('cid'), ['presence_count', { count: 3 }]])
    presence.pushState(ann.socket)
    await turn()
    expect(ann.received()).toEqual([
      ['presence_state', {}],
      ['presence_count', { count: 3 }],
    ])
    expect(bob.received().slice(1)).toEqual([joins('cid'), ['presence_count', { count: 3 }]])
  })

  it('are sent once more when the topic is small enough again', async () => {
    const { presence, members } = await withMembers({ maxState: 1 })
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.track(bob.socket, 'bob', { name: 'bob' })
    await turn()
    bob.received()
    presence.untrack(ann.socket, 'ann')
    await turn()
    expect(bob.received()).toEqual([leaves('ann'), ['presence_count', { count: 1 }]])
    presence.update(bob.socket, 'bob', { name: 'bob' })
    await turn()
    expect(bob.received().map(([event]) => event)).toEqual(['presence_diff'])
  })
})

describe('fetch', () => {
  it('is called once for the joins and leaves of a diff, and its fields are in both (PRESENCE-8)', async () => {
    const calls: unknown[] = []
    const { presence, members } = await withMembers({
      fetch: (topic, presences) => {
        calls.push([topic, Object.keys(presences)])
        return Object.fromEntries(Object.keys(presences).map((key) => [key, { title: `<${key}>` }]))
      },
    })
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    await turn()
    bob.received()
    presence.track(bob.socket, 'bob', { name: 'bob' })
    presence.untrack(ann.socket, 'ann')
    await turn()
    expect(calls).toEqual([
      ['room:a', ['ann']],
      ['room:a', ['bob', 'ann']],
    ])
    expect(bob.received()).toEqual([
      [
        'presence_diff',
        {
          joins: { bob: { metas: [meta('bob')], title: '<bob>' } },
          leaves: { ann: { metas: [meta('ann')], title: '<ann>' } },
        },
      ],
    ])
  })

  it('is called once for a diff and the state after it', async () => {
    const calls: unknown[] = []
    const { presence, members } = await withMembers({
      fetch: (_topic, presences) => {
        calls.push(presences)
        return { ann: { title: 'Dr' } }
      },
    })
    const [ann] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.pushState(ann.socket)
    await turn()
    expect(calls).toEqual([entries('ann')])
    const full = { ann: { metas: [meta('ann')], title: 'Dr' } }
    expect(ann.received()).toEqual([
      ['presence_diff', { joins: full, leaves: {} }],
      ['presence_state', full],
    ])
  })

  it('that is slow keeps the order, and changes in the meantime are sent as one diff', async () => {
    const { presence, members, calls } = await withSlowFetch()
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.pushState(ann.socket)
    await turn()
    presence.track(bob.socket, 'bob', { name: 'bob' })
    await turn()
    presence.untrack(ann.socket, 'ann')
    await turn()
    expect([calls.length, ann.received()]).toEqual([1, []])
    calls[0]?.resolve({ ann: { title: 'Dr' } })
    await turn()
    const full = { ann: { metas: [meta('ann')], title: 'Dr' } }
    expect(ann.received()).toEqual([
      ['presence_diff', { joins: full, leaves: {} }],
      ['presence_state', full],
    ])
    calls[1]?.resolve({})
    await turn()
    expect(ann.received()).toEqual([['presence_diff', { joins: entries('bob'), leaves: entries('ann') }]])
    expect(calls).toHaveLength(2)
  })

  it('that finishes after its channel has ended pushes nothing', async () => {
    const { presence, members, calls } = await withSlowFetch()
    const [ann, bob] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.pushState(ann.socket)
    await turn()
    ann.client.send(LEAVE)
    await turn()
    calls[0]?.resolve({})
    await turn()
    calls[1]?.resolve({})
    await turn()
    expect(ann.received().map(([event]) => event)).toEqual(['phx_reply', 'phx_close'])
    expect(bob.received()).toEqual([joins('ann'), leaves('ann')])
  })

  it.each([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
    ['returns no fields', () => 'nothing' as unknown as Fields],
    ['returns fields that JSON cannot write', () => ({ ann: { n: 1n } })],
    ['returns fields that JSON would lose', () => ({ ann: { tags: new Set() } })],
    ...mistakes,
  ])('that %s is reported, and the frames are sent without fields', async (_name, fetch) => {
    const { presence, members, endpoint } = await withMembers({ fetch: fetch as () => Fields })
    const [ann] = members
    presence.track(ann.socket, 'ann', { name: 'ann' })
    presence.pushState(ann.socket)
    await turn()
    await turn()
    expect(ann.received()).toEqual([joins('ann'), state('ann')])
    expect(endpoint.errors).toEqual([expect.objectContaining({ owner: 'room:*', callback: 'fetch' })])
  })

  it.each([0, 1, 2])('whose fields throw after %i reads loses no frame', async (most) => {
    const ann = () => {
      let reads = 0
      return {
        get n() {
          reads += 1
          return reads > most ? fail() : 1
        },
      }
    }
    const { presence, members, endpoint } = await withMembers({ fetch: () => ({ ann: ann() }) as Fields })
    presence.track(members[0].socket, 'ann', { name: 'ann' })
    presence.pushState(members[0].socket)
    await turn()
    const full = most < 2 ? entries('ann') : { ann: { metas: [meta('ann')], n: 1 } }
    expect(members[0].received()).toEqual([
      ['presence_diff', { joins: full, leaves: {} }],
      ['presence_state', full],
    ])
    expect(endpoint.errors).toHaveLength(most < 2 ? 1 : 0)
  })

  it('is not called for a topic without subscribers', async () => {
    const calls: unknown[] = []
    const { presence, members } = await withMembers({
      fetch(topic) {
        calls.push(topic)
        return {}
      },
    })
    presence.track(members[0].socket, 'ann', { name: 'ann' })
    for (const { client } of members) client.socket.closed('closed')
    await turn()
    expect(calls).toEqual([])
  })
})

type Fields = Record<string, object>
type NoFields = Record<string, Record<never, never>>

/** A room with three members who are not tracked yet. */
async function withMembers<R extends Fields | Promise<Fields> = NoFields>(
  options: PresenceOptions<typeof Room, R> = {},
) {
  const room = new PresenceRoom(options)
  const members: [Member, Member, Member] = [await room.join(), await room.join(), await room.join()]
  return { members, presence: room.presence, endpoint: room.endpoint }
}

/** The same, with a fetch that the test answers. */
async function withSlowFetch() {
  const calls: Deferred<Fields>[] = []
  const room = new PresenceRoom({
    fetch() {
      const call = new Deferred<Fields>()
      calls.push(call)
      return call.promise
    },
  })
  const members: [Member, Member] = [await room.join(), await room.join()]
  return { members, presence: room.presence, calls }
}

function fail(): never {
  throw new Error('no database')
}
