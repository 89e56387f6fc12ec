// Who has no name. Without AUTH_SECRET alone: tokens have names, and who has none does not come in.
import { expect, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'

async function open() {
  const { app } = await openApp()
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, enter: () => connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`) }
}

/** Join the lobby; gives the reply. */
async function join(client: RawClient, params: object): Promise<unknown> {
  client.send(JSON.stringify(['1', '1', 'room:lobby', 'phx_join', params]))
  return JSON.parse(String(await client.next()))[4]
}

const ok = { status: 'ok', response: {} }
const bob = { name: 'Bob', client: 'c-bob' }

/** A client that is present, and has been told so. */
async function joined(client: RawClient): Promise<RawClient> {
  await join(client, bob)
  for (const event of ['presence_diff', 'presence_state']) expect(await client.next()).toContain(event)
  return client
}

test.each([[{}], [{ name: 'Ann' }], [{ client: 'c-ann' }]])(
  'who joins with %j is a guest: no state, no diff, for nobody',
  async (params) => {
    const { enter } = await open()
    const watcher = await joined(await enter())
    const guest = await enter()

    expect(await join(guest, params)).toEqual(ok)

    await guest.nothing()
    guest.send('["1","2","room:lobby","phx_leave",{}]')
    expect(await guest.next()).toContain('"status":"ok"')
    await watcher.nothing()
  },
)

test('guests hear what is said', async () => {
  const { enter } = await open()
  const [writer, guest] = [await enter(), await enter()]
  for (const client of [writer, guest]) await join(client, {})

  writer.send('["1","2","room:lobby","new_msg",{"body":"hello"}]')

  expect(await guest.next()).toBe('[null,null,"room:lobby","new_msg",{"body":"hello"}]')
})

test('a room shows how many guests there are beside its members', async () => {
  const { app, enter } = await open()
  await joined(await enter())
  for (let n = 0; n < 2; n++) await join(await enter(), {})

  expect((await app.inject('/api/rooms/lobby')).json()).toEqual({
    room: 'lobby',
    members: [{ name: 'Bob', connections: 1 }],
    guests: 2,
    count: 3,
  })
})
