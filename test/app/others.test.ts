// With AUTH_SECRET: what a user can do with what is other people's, which is nothing.

import { expect, test } from 'vitest'
import { Room } from '../../server/app/contracts/room.ts'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { testChat } from '../helpers/test-chat.ts'
import { AUTH_SECRET, type TokenOptions, tokenFor } from '../helpers/tokens.ts'
import { connectWith, faulty, join, openWithUsers } from '../helpers/with-users.ts'

/** The chat with users; connects them by their ids. */
async function withUsers() {
  const { endpoint } = await testChat({ secret: AUTH_SECRET, audience: null, issuer: null })
  const connect = async (id: string, options?: TokenOptions) =>
    endpoint.connect('/socket', { token: await tokenFor(id, options) })
  return { endpoint, connect }
}

/** The owner of a private room who is in it, and a stranger who is in the lobby. */
async function twoUsers() {
  const { connect } = await withUsers()
  const owner = await connect('u1', { name: 'Ann', rooms: ['private-1', 'lobby'] })
  const stranger = await connect('u2', { name: 'Bob' })
  const home = await owner.subscribeAndJoin(Room, 'room:private-1')
  const lobby = await stranger.subscribeAndJoin(Room, 'room:lobby')
  return { connect, home, stranger, lobby }
}

const UNAUTHORIZED = { response: { reason: 'unauthorized' } }
const UNMATCHED = { response: { reason: 'unmatched topic' } }

test('a user without access cannot join a private room or receive its messages', async () => {
  const { connect, home, stranger, lobby } = await twoUsers()
  await expect(stranger.subscribeAndJoin(Room, 'room:private-1')).rejects.toMatchObject(UNAUTHORIZED)
  home.push('new_msg', { body: 'between us' })
  await home.pushed('new_msg', { body: 'between us' })
  await (await connect('u3', { rooms: ['private-1'] })).subscribeAndJoin(Room, 'room:private-1')
  await lobby.refutePushed('new_msg')
  await lobby.refutePushed('presence_diff', ({ joins }) => 'u1' in joins || 'u3' in joins)
})

test('messages from a client that has not joined the room do not reach the room', async () => {
  const { base } = await openWithUsers()
  const owner = await connectWith(base, await tokenFor('u1', { rooms: ['private-1'] }))
  await join(owner, 'room:private-1')
  const stranger = await connectWith(base, await tokenFor('u2'))
  for (const event of ['new_msg', 'refresh_token', 'after_join', 'presence_diff', 'phx_close']) {
    stranger.send(`["2","3","room:private-1","${event}",{"body":"hi"}]`)
    expect(String(await stranger.next())).toContain('unmatched topic')
  }
  await owner.nothing()
})

test('the API refuses access to a private room and does not list it', async () => {
  const { app, base } = await openWithUsers()
  const owner = await connectWith(base, await tokenFor('u1', { rooms: ['private-1'] }))
  await join(owner, 'room:private-1')
  const headers = { authorization: `Bearer ${await tokenFor('u2')}` }
  expect((await app.inject({ url: '/api/rooms', headers })).json()).toEqual({ rooms: ['global', 'lobby'] })
  const url = '/api/rooms/private-1'
  const shown = await app.inject({ url, headers })
  expect([shown.statusCode, shown.json().code]).toEqual([403, 'forbidden'])
  const said = await app.inject({ method: 'POST', url: `${url}/messages`, headers, payload: { body: 'hi' } })
  expect(said.statusCode).toBe(403)
  await owner.nothing()
})

test('a user with a list of rooms may enter only these rooms, private or not', async () => {
  const guest = await (await withUsers()).connect('u3', { rooms: ['private-2'] })
  for (const room of ['private-1', 'lobby', 'private-', 'PRIVATE-1'])
    await expect(guest.subscribeAndJoin(Room, `room:${room}`)).rejects.toMatchObject(UNAUTHORIZED)
})

test.each(['users_socket:u1', 'phoenix', 'room', 'ROOM:lobby', ''])(
  'a join of the topic %j, which is not a room, is refused',
  async (topic) => {
    const { stranger } = await twoUsers()
    await expect(stranger.subscribeAndJoin(topic)).rejects.toMatchObject(UNMATCHED)
  },
)

test('a user cannot be present under the name or id of another user', async () => {
  const client = await (await withUsers()).connect('u2', { name: 'Bob' })
  const room = await client.subscribeAndJoin(Room, 'room:lobby', { name: 'Ann', client: 'u1' })
  await room.pushed('presence_state', ({ u1, u2 }) => u1 === undefined && u2?.metas[0]?.name === 'Bob')
})

test.each([...faulty, ['the token of another user', () => tokenFor('u1')] as const])(
  'a refresh with %s is refused and does not change the user',
  async (_what, make) => {
    const client = await (await withUsers()).connect('u2', { rooms: ['lobby'] })
    const room = await client.subscribeAndJoin(Room, 'room:lobby')
    await room.push('refresh_token', { token: await make() }).reply('error', { reason: 'unauthorized' })
    expect(client).toMatchObject({ id: 'users_socket:u2', assigns: { user: { id: 'u2', rooms: ['lobby'] } } })
    await expect(client.subscribeAndJoin(Room, 'room:private-1')).rejects.toMatchObject(UNAUTHORIZED)
  },
)

test('a fresh token that allows fewer rooms closes the other rooms', async () => {
  const client = await (await withUsers()).connect('u1', { rooms: ['private-1', 'lobby'] })
  const home = await client.subscribeAndJoin(Room, 'room:private-1')
  const lobby = await client.subscribeAndJoin(Room, 'room:lobby')
  await lobby.push('refresh_token', { token: await tokenFor('u1', { rooms: ['lobby'] }) }).reply('ok')
  expect(await home.ended()).toBe('phx_close')
  await expect(client.subscribeAndJoin(Room, 'room:private-1')).rejects.toMatchObject(UNAUTHORIZED)
})

test('a fresh token before the expiry keeps the connection open', async () => {
  const { endpoint, connect } = await withUsers()
  const room = await (await connect('u1', { expiresIn: 120 })).subscribeAndJoin(Room, 'room:lobby')
  endpoint.elapse(60_000)
  await room.pushed('token_expiring', { expires_in_ms: expect.any(Number) })
  await room.push('refresh_token', { token: await tokenFor('u1') }).reply('ok')
  endpoint.elapse(120_000)
  await room.push('typing', {}).refuteReply()
  expect(serverOf(endpoint).sockets.size).toBe(1)
})

test('when the token has expired, the connection is closed with 4401', async () => {
  const { endpoint, connect } = await withUsers()
  const socket = await connect('u1', { expiresIn: 120 })
  endpoint.elapse(120_000)
  expect(await socket.closed()).toBe(4401)
})
