import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { type Contract, defineContract } from '../../../protocol/index.ts'
import { defineChannel } from '../../../server/channel/define-channel.ts'
import { UsageError } from '../../../server/errors.ts'
import { definePresence, type PresenceContract } from '../../../server/presence/define-presence.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { turn } from '../../helpers/deferred.ts'

const Room = defineContract({ topic: 'room:*', presence: Type.Object({ at: Type.Integer() }) })

describe('definePresence', () => {
  it('returns a frozen object of functions that work without `this`', () => {
    const presence = definePresence(Room)
    expect(Object.isFrozen(presence)).toBe(true)
    const { list } = presence
    expect(list(new TestEndpoint(), 'room:a')).toBeInstanceOf(Promise)
  })

  it('refuses a contract without presence', () => {
    const contract: Contract = defineContract({ topic: 'room:*' })
    expect(() => definePresence(contract as PresenceContract)).toThrow(UsageError)
    expect(() => definePresence(contract as PresenceContract)).toThrow(
      'contract "room:*": `presence` must be a TypeBox schema or JSON Schema (got undefined)',
    )
  })

  it.each([
    [
      { windowMs: -1 },
      'presence "room:*": `windowMs` must be a number of milliseconds from 0 to 2147483647 (got -1)',
    ],
    [{ maxState: 'many' }, 'presence "room:*": `maxState` must be a number of at least 0 (got "many")'],
    [{ maxState: Number.NaN }, 'presence "room:*": `maxState` must be a number of at least 0 (got NaN)'],
    [{ fetch: {} }, 'presence "room:*": `fetch` must be a function (got an empty object)'],
    [
      { window: 1 },
      'presence "room:*" has an unknown key "window" (did you mean "windowMs"?). Valid keys: fetch, handleMetas, windowMs, maxState, name',
    ],
  ])('refuses %j', (options, message) => {
    const code = 'PHX_ERR_DEFINITION'
    expect(() => definePresence(Room, options as object)).toThrow(expect.objectContaining({ code, message }))
  })

  it('sends the diff, then the state, to a channel that uses it as in Phoenix (PRESENCE-5)', async () => {
    const presence = definePresence(Room)
    const channel = defineChannel(Room, {
      join(_params, socket) {
        socket.sendInfo('after_join')
        return { ok: {} }
      },
      handleInfo: {
        after_join(_value, socket) {
          presence.track(socket, 'u1', { at: 1 })
          presence.pushState(socket)
        },
      },
    })
    const endpoint = new TestEndpoint()
    const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
    client.send('["1","1","room:a","phx_join",{}]')
    await turn()
    const entry = (await presence.getByKey(endpoint, 'room:a', 'u1'))?.metas[0]
    const u1 = `{"u1":{"metas":[{"at":1,"phx_ref":"${entry?.phx_ref}"}]}}`
    expect(client.take()).toEqual([
      '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]',
      `[null,null,"room:a","presence_diff",{"joins":${u1},"leaves":{}}]`,
      `["1",null,"room:a","presence_state",${u1}]`,
    ])
  })

  it('rejects pushState inside join, like any push', async () => {
    const presence = definePresence(Room)
    const channel = defineChannel(Room, {
      join(_params, socket) {
        presence.pushState(socket)
        return { ok: {} }
      },
    })
    const endpoint = new TestEndpoint()
    const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
    client.send('["1","1","room:a","phx_join",{}]')
    expect(endpoint.causes).toEqual([expect.objectContaining({ code: 'PHX_ERR_NOT_JOINED' })])
  })

  it('tracks a channel inside join, and removes the presence if the join is refused', async () => {
    const presence = definePresence(Room)
    const channel = defineChannel(Room, {
      join(_params, socket) {
        presence.track(socket, 'u1', { at: 1 })
        return socket.subtopic === 'a' ? { ok: {} } : { error: { reason: 'no' } }
      },
    })
    const endpoint = new TestEndpoint()
    const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
    client.send('["1","1","room:a","phx_join",{}]', '["2","2","room:b","phx_join",{}]')
    expect(Object.keys(await presence.list(endpoint, 'room:a'))).toEqual(['u1'])
    expect(await presence.list(endpoint, 'room:b')).toEqual({})
  })
})
