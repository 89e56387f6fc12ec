import { Type } from 'typebox'
import { defineContract } from '../../protocol/index.ts'
import { exactly, type TestEndpoint, type TestSocket } from '../../server/testing/index.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ name: Type.String() }),
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ number: Type.Number() }) },
  },
  outgoing: { new_msg: Type.Object({ from: Type.Object({ id: Type.String(), name: Type.String() }) }) },
  presence: Type.Object({ name: Type.String() }),
})

export async function typed(socket: TestSocket): Promise<void> {
  const room = await socket.subscribeAndJoin(Room, 'room:lobby', { name: 'Ann' })
  // @ts-expect-error: not a topic of the contract
  await socket.subscribeAndJoin(Room, 'lobby', { name: 'Ann' })
  // @ts-expect-error: the params are required
  await socket.subscribeAndJoin(Room, 'room:lobby')
  const history: string[] = room.reply.history
  const { response } = await room.push('new_msg', { body: history[0] ?? '' }).reply('ok', { number: 1 })
  response.number.toFixed()
  // @ts-expect-error: the payload of the contract
  room.push('new_msg', { body: 7 })
  room.push('refresh_token', { token: 'x' })
  const reply = await room.push('new_msg', { body: '' }).reply()
  if (reply.status === 'ok') reply.response.number.toFixed()
  const { from } = await room.pushed('new_msg', { from: { name: 'Ann' } })
  from.id.trim()
  await room.pushed('new_msg', ({ from }) => from.id === '1')
  await room.pushed('new_msg', exactly({ from: {} }))
  // @ts-expect-error: not a key of the payload
  await room.pushed('new_msg', { form: {} })
  const other: unknown = await room.pushed('token_expiring', { expires_in_ms: 1 })
  const { Ann } = await room.presences()
  Ann?.metas[0]?.name.trim()
  room.channel.push('new_msg', { from: { id: '1', name: String(other) } })
}

export async function untyped(endpoint: TestEndpoint): Promise<void> {
  const socket = await endpoint.connect('/socket', { n: 1 }, { headers: { 'x-a': 'b' } })
  const room = await socket.subscribeAndJoin('room:lobby', { any: 'thing' })
  room.push('anything', { a: 1 })
  await room.pushed('anything', { a: 1 })
  await room.pushed('anything', (payload) => payload !== null)
}
