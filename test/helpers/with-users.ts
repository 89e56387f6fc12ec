import type { AddressInfo } from 'node:net'
import { UnsecuredJWT } from 'jose'
import { TOKEN_SALT } from '../../server/app/auth.ts'
import { Token } from '../../server/index.ts'
import { openApp } from './open-app.ts'
import { connect, type RawClient } from './raw-client.ts'
import { AUTH_SECRET, tokenFor } from './tokens.ts'

export const API_TOKEN = 'the-operator-of-the-tests'

const past = Math.floor(Date.now() / 1_000) - 1

/** Invalid tokens, by what is wrong with them. The last one is a token for another purpose. */
export const faulty: [what: string, make: () => Promise<string>][] = [
  ['nonsense', async () => 'nonsense'],
  ['a token of another secret', () => tokenFor('u1', { secret: 'x'.repeat(40) })],
  ['an expired token', () => tokenFor('u1', { expiresIn: -1 })],
  [
    'a token that is not signed',
    async () => new UnsecuredJWT({ sub: 'u1' }).setExpirationTime('1h').encode(),
  ],
  ['a token without a user', () => tokenFor('')],
  ['a Phoenix.Token of another salt', async () => Token.sign(AUTH_SECRET, 'other', { sub: 'u1' })],
  ['an expired Phoenix.Token', async () => Token.sign(AUTH_SECRET, TOKEN_SALT, { sub: 'u1', exp: past })],
  ["the operator's token", async () => API_TOKEN],
]

/** The chat with users until the end of the test, and where it listens: `127.0.0.1:PORT`. */
export async function openWithUsers(options: { apiToken?: string } = {}) {
  const { app } = await openApp({ authSecret: AUTH_SECRET, ...options })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { app, base: `127.0.0.1:${port}` }
}

/** Connect with this token. */
export function connectWith(base: string, token: string): Promise<RawClient> {
  return connect(`ws://${base}/socket/websocket?vsn=2.0.0&token=${encodeURIComponent(token)}`)
}

/** The first frame that comes after this one was sent. */
async function ask(client: RawClient, frame: string): Promise<string> {
  client.send(frame)
  return String(await client.next())
}

/** Join a topic with this ref; gives the reply. What a user is told of who is here has been read, too. */
export async function join(client: RawClient, topic: string, ref = '1'): Promise<string> {
  const params = '{"name":"Mallory","client":"c1"}'
  const reply = await ask(client, `["${ref}","${ref}","${topic}","phx_join",${params}]`)
  if (!reply.includes('"status":"ok"')) return reply
  while (!String(await client.next()).includes('presence_state'));
  return reply
}
