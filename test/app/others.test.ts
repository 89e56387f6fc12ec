// With AUTH_SECRET: what a user can do with what is other people's, which is nothing.
import { expect, test } from 'vitest'
import { tokenFor } from '../helpers/tokens.ts'
import { ask, connectWith, faulty, join, openWithUsers } from '../helpers/with-users.ts'

/** The owner of a private room who is in it, and a stranger who is in the lobby. */
async function twoUsers() {
  const { app, base } = await openWithUsers()
  const owner = await connectWith(base, await tokenFor('u1', { name: 'Ann', rooms: ['private-1', 'lobby'] }))
  expect(await join(owner, 'room:private-1')).toContain('"status":"ok"')
  const token = await tokenFor('u2', { name: 'Bob' })
  const stranger = await connectWith(base, token)
  expect(await join(stranger, 'room:lobby')).toContain('"status":"ok"')
  return { app, base, owner, stranger, headers: { authorization: `Bearer ${token}` } }
}

test('a private room cannot be joined, nor sent to by who has not joined it', async () => {
  const { owner, stranger } = await twoUsers()
  expect(await join(stranger, 'room:private-1', '2')).toContain('"reason":"unauthorized"')
  for (const event of ['new_msg', 'refresh_token', 'after_join', 'presence_diff', 'phx_close']) {
    expect(await ask(stranger, `["2","3","room:private-1","${event}",{"body":"hi"}]`)).toContain(
      'unmatched topic',
    )
  }
  await owner.nothing()
})

test('what is said in a private room, and who comes there, is not heard elsewhere', async () => {
  const { base, owner, stranger } = await twoUsers()
  owner.send('["1","2","room:private-1","new_msg",{"body":"between us"}]')
  expect(String(await owner.next())).toContain('between us')
  const other = await connectWith(base, await tokenFor('u3', { rooms: ['private-1'] }))
  await join(other, 'room:private-1')
  expect(String(await owner.next())).toContain('presence_diff')
  await stranger.nothing()
})

test('a private room is closed by the API, and is not in its list', async () => {
  const { app, owner, headers } = await twoUsers()
  expect((await app.inject({ url: '/api/rooms', headers })).json()).toEqual({ rooms: ['global', 'lobby'] })
  const url = '/api/rooms/private-1'
  const shown = await app.inject({ url, headers })
  expect([shown.statusCode, shown.json().code]).toEqual([403, 'forbidden'])
  const said = await app.inject({ method: 'POST', url: `${url}/messages`, headers, payload: { body: 'hi' } })
  expect(said.statusCode).toBe(403)
  await owner.nothing()
})

test('who may enter some rooms may not enter others, private or not', async () => {
  const { base } = await twoUsers()
  const guest = await connectWith(base, await tokenFor('u3', { rooms: ['private-2'] }))
  for (const [n, room] of ['private-1', 'lobby', 'private-', 'PRIVATE-1'].entries()) {
    expect(await join(guest, `room:${room}`, String(n))).toContain('"reason":"unauthorized"')
  }
})

test.each(['users_socket:u1', 'phoenix', 'room', 'ROOM:lobby', ''])(
  'a topic that is no room is nobody’s: %j',
  async (topic) => {
    const { owner, stranger } = await twoUsers()
    expect(await join(stranger, topic, '2')).toContain('unmatched topic')
    expect(await ask(stranger, `[null,"3","${topic}","disconnect",{}]`)).toContain('unmatched topic')
    await owner.nothing()
  },
)

test('what is sent to a public room by who is not in it is not heard there', async () => {
  const { base, stranger } = await twoUsers()
  const outsider = await connectWith(base, await tokenFor('u3'))
  expect(await ask(outsider, '["1","1","room:lobby","new_msg",{"body":"hi"}]')).toContain('unmatched topic')
  await stranger.nothing()
})

test('nobody can be present under the name or the id of somebody else', async () => {
  const { base } = await openWithUsers()
  const client = await connectWith(base, await tokenFor('u2', { name: 'Bob' }))
  await ask(client, '["1","1","room:lobby","phx_join",{"name":"Ann","client":"u1"}]')
  await client.next()
  const [, , , event, state] = JSON.parse(String(await client.next()))
  expect([event, Object.keys(state), state.u2.metas[0].name]).toEqual(['presence_state', ['u2'], 'Bob'])
})

test.each([...faulty, ['the token of another user', () => tokenFor('u1')] as const])(
  '%s refreshes nothing: who it was stays who it was',
  async (_what, make) => {
    const { app, base } = await openWithUsers()
    const client = await connectWith(base, await tokenFor('u2', { rooms: ['lobby'] }))
    await join(client, 'room:lobby')
    const token = JSON.stringify(await make())
    expect(await ask(client, `["1","9","room:lobby","refresh_token",{"token":${token}}]`)).toContain(
      '"reason":"unauthorized"',
    )
    const [socket] = app.endpoint.sockets
    expect(socket).toMatchObject({ id: 'users_socket:u2', assigns: { user: { id: 'u2', rooms: ['lobby'] } } })
    expect(await join(client, 'room:private-1', '2')).toContain('"reason":"unauthorized"')
  },
)

test('a fresh token that allows less closes the rooms that it does not allow', async () => {
  const { base } = await openWithUsers()
  const client = await connectWith(base, await tokenFor('u1', { rooms: ['private-1', 'lobby'] }))
  for (const [topic, ref] of [
    ['room:private-1', '1'],
    ['room:lobby', '2'],
  ] as const)
    await join(client, topic, ref)
  const fresh = await tokenFor('u1', { rooms: ['lobby'] })
  expect(await ask(client, `["2","9","room:lobby","refresh_token",{"token":"${fresh}"}]`)).toBe(
    '["1","1","room:private-1","phx_close",{}]',
  )
  expect(await client.next()).toContain('"status":"ok"')
  expect(await join(client, 'room:private-1', '3')).toContain('"reason":"unauthorized"')
})
