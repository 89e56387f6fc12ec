// Users without a name. With `AUTH_SECRET` every token has a name, and clients without a token are refused.
import { expect, test, vi } from 'vitest'
import { useFakeTimers } from '../helpers/fake-timers.ts'
import { openApp } from '../helpers/open-app.ts'
import { connect } from '../helpers/raw-client.ts'
import { testChat } from '../helpers/test-chat.ts'

const bob = { name: 'Bob', client: 'c-bob' }

test.each([[{}], [{ name: 'Ann' }], [{ client: 'c-ann' }]])(
  'a client that joins with %j is a guest: it gets no presence state, and causes no diff',
  async (params) => {
    useFakeTimers()
    const { join } = await testChat()
    const watcher = await join(bob)
    await vi.advanceTimersByTimeAsync(500)
    await watcher.pushed('presence_diff')

    const guest = await join(params)
    await vi.advanceTimersByTimeAsync(500)
    await guest.leave()
    await vi.advanceTimersByTimeAsync(500)

    expect(guest.reply).toEqual({})
    await guest.refutePushed('presence_state')
    for (const room of [guest, watcher]) await room.refutePushed('presence_diff')
  },
)

test('guests receive the messages of the room', async () => {
  const { join } = await testChat()
  const [writer, guest] = [await join(), await join()]
  writer.push('new_msg', { body: 'hello' })
  expect(await guest.pushed('new_msg')).toEqual({ body: 'hello' })
})

test('a room shows the number of its guests beside its members', async () => {
  const { app } = await openApp()
  const url = `${(await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
  for (const params of [bob, {}, {}]) {
    const client = await connect(url)
    client.send(JSON.stringify(['1', '1', 'room:lobby', 'phx_join', params]))
    await client.next()
  }
  expect((await app.inject('/api/rooms/lobby')).json()).toEqual({
    room: 'lobby',
    members: [{ name: 'Bob', connections: 1 }],
    guests: 2,
    count: 3,
  })
})
