import { Presence } from 'phoenix'
import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { defineChannel, definePresence, defineSocket } from '../../../server/index.ts'
import type { RawClient } from '../../helpers/raw-client.ts'
import { ask, join, listen, type Server } from './fixture.ts'

type Entry = { key: string; meta: object }
type Meta = { phx_ref: string; phx_ref_prev?: string }
type Entries = Record<string, { metas: Meta[]; [extra: string]: unknown }>
type Diff = { joins: Entries; leaves: Entries }

const OK = '{"response":{},"status":"ok"}'
const AnEntry = Type.Unsafe<Entry>({})
const AnyMeta = Type.Unsafe<object>({})

const Party = defineContract({
  topic: 'room:*',
  presence: AnyMeta,
  incoming: {
    track: { payload: AnEntry, reply: Type.Unknown() },
    update: { payload: AnEntry, reply: Type.Unknown() },
    untrack: { payload: AnEntry, reply: Type.Unknown() },
    state: { payload: Type.Unknown() },
  },
})

describe('presence', () => {
  it('B193 the state has the metas of each key, and is {} if nobody is present', async () => {
    const { client } = await party()
    await ask(client, '["1","2","room:m","state",{}]', '["1",null,"room:m","presence_state",{}]')
    await track(client, 'u1', { n: 1 })
    client.send('["1","4","room:m","state",{}]')
    const [joinRef, ref, , event, state] = JSON.parse(String(await client.next()))
    expect([joinRef, ref, event]).toEqual(['1', null, 'presence_state'])
    expect(state).toEqual({ u1: { metas: [{ n: 1, phx_ref: expect.any(String) }] } })
  })

  it('B194 a diff always has joins and leaves, and no refs', async () => {
    const { client } = await party()
    await change(client, 'track', 'u1')
    const [joinRef, ref, , event, diff] = JSON.parse(String(await client.next()))
    expect([joinRef, ref, event]).toEqual([null, null, 'presence_diff'])
    expect(diff).toEqual({ joins: { u1: { metas: [{ phx_ref: expect.any(String) }] } }, leaves: {} })
  })

  it('B195 a key that is a number becomes a string', async () => {
    const { client } = await party()
    await change(client, 'track', 7)
    expect(Object.keys((await diffOf(client)).joins)).toEqual(['7'])
  })

  it('B196 two connections with one key have two metas, and leave one by one', async () => {
    const { client, connect } = await party()
    const other = await connect()
    await join(other)
    const phone = await track(client, 'u1', { on: 'phone' })
    await diffOf(other)
    const laptop = await track(other, 'u1', { on: 'laptop' })
    expect(await diffOf(client)).toMatchObject({ joins: { u1: { metas: [{ on: 'laptop' }] } } })
    expect(phone.phx_ref).not.toBe(laptop.phx_ref)
    expect(metas(await stateOf(client), 'u1')).toEqual([phone, laptop])
    other.ws.close()
    expect(await diffOf(client)).toEqual({ joins: {}, leaves: { u1: { metas: [laptop] } } })
  })

  it('B197 an update is one diff: the new meta joins, the old one leaves', async () => {
    const { client } = await party()
    const before = await track(client, 'u1', { n: 1 })
    await change(client, 'update', 'u1', { n: 2 })
    expect(await diffOf(client)).toEqual({
      joins: { u1: { metas: [{ n: 2, phx_ref: expect.any(String), phx_ref_prev: before.phx_ref }] } },
      leaves: { u1: { metas: [before] } },
    })
  })

  it('B198 an update of a key that is not tracked has no effect', async () => {
    const { client } = await party()
    await change(client, 'update', 'u1')
    await client.nothing()
  })

  it('B199 a second track of the same key by one channel has no effect', async () => {
    const { client } = await party()
    await track(client, 'u1', {})
    await change(client, 'track', 'u1')
    await client.nothing()
  })

  it('B200 an untrack causes a diff; a second untrack does not', async () => {
    const { client } = await party()
    const meta = await track(client, 'u1', {})
    await change(client, 'untrack', 'u1')
    expect(await diffOf(client)).toEqual({ joins: {}, leaves: { u1: { metas: [meta] } } })
    await change(client, 'untrack', 'u1')
    await client.nothing()
  })

  it('B201 the others get a leave when a connection is lost', async () => {
    const { client, connect } = await party()
    const other = await connect()
    await join(other)
    const meta = await track(other, 'u2', {})
    await diffOf(client)
    other.ws.terminate()
    expect(await diffOf(client)).toEqual({ joins: {}, leaves: { u2: { metas: [meta] } } })
  })

  it('B202 fields that fetch adds are in the state and in the diff', async () => {
    const { client } = await party((keys) =>
      Object.fromEntries(keys.map((key) => [key, { name: `<${key}>` }])),
    )
    await change(client, 'track', 'u1')
    expect((await diffOf(client)).joins['u1']).toMatchObject({ metas: [{}], name: '<u1>' })
    expect((await stateOf(client))['u1']).toMatchObject({ metas: [{}], name: '<u1>' })
  })

  it('B204 the key "__proto__" works like any other', async () => {
    const { client } = await party()
    client.send('["1","2","room:m","track",{"key":"__proto__","meta":{}}]')
    await client.next()
    expect(await client.next()).toContain('{"joins":{"__proto__":{"metas":[')
    client.send('["1","3","room:m","state",{}]')
    expect(await client.next()).toContain('"presence_state",{"__proto__":{"metas":[')
  })

  it('B205 a diff and the state, in either order, result in one meta', async () => {
    const { client } = await party()
    await change(client, 'track', 'u1')
    const diff = await diffOf(client)
    const state = await stateOf(client)
    const diffFirst = Presence.syncState(Presence.syncDiff({}, diff), state)
    const stateFirst = Presence.syncDiff(Presence.syncState({}, state), diff)
    expect(metas(diffFirst, 'u1')).toHaveLength(1)
    expect(metas(stateFirst, 'u1')).toHaveLength(1)
  })
})

/** A server whose rooms do as they are asked, and one client in room:m. */
async function party(
  fetch?: (keys: string[]) => Record<string, object>,
): Promise<Server & { client: RawClient }> {
  const presence = definePresence(
    Party,
    fetch === undefined ? {} : { fetch: (_topic, entries) => fetch(Object.keys(entries)) },
  )
  const channel = defineChannel(Party, {
    join: () => ({ ok: {} }),
    handleIn: {
      track({ key, meta }, socket) {
        presence.track(socket, key, meta)
        return { ok: {} }
      },
      update({ key, meta }, socket) {
        presence.update(socket, key, meta)
        return { ok: {} }
      },
      untrack({ key }, socket) {
        presence.untrack(socket, key)
        return { ok: {} }
      },
      state: (_payload, socket) => presence.pushState(socket),
    },
  })
  const server = await listen({ '/socket': defineSocket({ connect: () => ({ ok: {} }) }).channel(channel) })
  const client = await server.connect()
  await join(client)
  return { ...server, client }
}

/** Have the channel track, update or untrack, and take its reply. */
async function change(client: RawClient, event: string, key: string | number, meta = {}): Promise<void> {
  client.send(JSON.stringify(['1', '3', 'room:m', event, { key, meta }]))
  expect(await client.next()).toBe(`["1","3","room:m","phx_reply",${OK}]`)
}

/** Track, and take the diff; the new meta comes back. */
async function track(client: RawClient, key: string, meta: object): Promise<Meta> {
  await change(client, 'track', key, meta)
  return metas((await diffOf(client)).joins, key).at(-1) as Meta
}

async function diffOf(client: RawClient): Promise<Diff> {
  const [, , , event, payload] = JSON.parse(String(await client.next()))
  expect(event).toBe('presence_diff')
  return payload
}

async function stateOf(client: RawClient): Promise<Entries> {
  client.send('["1","4","room:m","state",{}]')
  const [, , , event, payload] = JSON.parse(String(await client.next()))
  expect(event).toBe('presence_state')
  return payload
}

function metas(entries: Entries, key: string): Meta[] {
  return entries[key]?.metas ?? []
}
