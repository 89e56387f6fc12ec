import { expect, test } from 'vitest'
import { Room } from '../../server/app/contracts/room.ts'
import { testChat } from '../helpers/test-chat.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'

/** Connect with a token that expires in two minutes. */
async function connect() {
  const { endpoint } = await testChat({ secret: AUTH_SECRET, audience: null, issuer: null })
  return [
    endpoint,
    await endpoint.connect('/socket', { token: await tokenFor('u1', { expiresIn: 120 }) }),
  ] as const
}

test('when the token has expired, the connection is closed with 4401', async () => {
  const [endpoint, socket] = await connect()
  endpoint.elapse(120_000)
  expect(await socket.closed()).toBe(4401)
})

test('a fresh token in time keeps the connection open', async () => {
  const [endpoint, socket] = await connect()
  const room = await socket.subscribeAndJoin(Room, 'room:lobby')
  endpoint.elapse(60_000)
  await room.pushed('token_expiring', { expires_in_ms: expect.any(Number) })
  await room.push('refresh_token', { token: await tokenFor('u1') }).reply('ok')
  endpoint.elapse(120_000)
  await room.push('typing', {}).refuteReply()
  expect(endpoint.sockets.size).toBe(1)
})
