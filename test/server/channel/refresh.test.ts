import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { defineChannel } from '../../../server/channel/define-channel.ts'

const join = () => ({ ok: {} })
const refresh = { warn: 'token_expiring', event: 'refresh_token' }

test.each([
  ['an event that clients send', { incoming: { refresh_token: { payload: Type.Object({}) } } }],
  ['an event that the server sends', { outgoing: { token_expiring: Type.Object({}) } }],
])('the contract must not contain %s with the same name', (_what, events) => {
  const contract = defineContract({ topic: 'room:*', ...events })
  const handleIn = { refresh_token: () => {} }
  const definition = 'incoming' in events ? { handleIn } : {}
  expect(() => defineChannel(contract, { auth: { refresh }, join, ...definition } as never)).toThrow(
    expect.objectContaining({ code: 'PHX_ERR_DEFINITION' }),
  )
})

test('both events need a name', () => {
  const Room = defineContract({ topic: 'room:*' })
  expect(() => defineChannel(Room, { auth: { refresh: { warn: 'w' } } as never, join })).toThrow(
    'channel "room:*": `auth.refresh.event` must be the name of an event',
  )
})
