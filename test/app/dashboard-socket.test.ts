// Each door of the dashboard without its token, with a wrong one, and with those of other doors.
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'
import { connect } from '../helpers/raw-client.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'

const TOKEN = 'the-token-of-the-dashboard'
const API_TOKEN = 'the-operator-of-the-tests'

async function open(dashboardToken: string | null = TOKEN) {
  const { app } = await openApp({
    dashboardRoot: 'client/dashboard',
    dashboardToken,
    authSecret: AUTH_SECRET,
    apiToken: API_TOKEN,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return `ws://127.0.0.1:${port}`
}

function offering(token: string) {
  const encoded = Buffer.from(token).toString('base64').replace(/=+$/, '')
  return { protocols: ['phoenix', `base64url.bearer.phx.${encoded}`] }
}

const PATH = '/dashboard/socket/websocket?vsn=2.0.0'
const JOIN = '["1","1","dashboard","phx_join",{}]'

test("the token of the dashboard opens the dashboard's socket, but no room of the chat", async () => {
  const client = await connect((await open()) + PATH, offering(TOKEN))
  client.send(JOIN)
  expect(String(await client.next())).toContain('"status":"ok"')
  expect(String(await client.next())).toMatch(/"nodes"|"topics"/)
  expect(String(await client.next())).toMatch(/"nodes"|"topics"/)
  client.send('["2","2","room:lobby","phx_join",{}]')
  expect(String(await client.next())).toContain('unmatched topic')
})

const faulty: [string, () => Promise<string>][] = [
  ['an empty one', async () => ''],
  ['a wrong one', async () => 'the-token-of-the-dashboarb'],
  ['a longer one', async () => `${TOKEN}x`],
  ["a user's", () => tokenFor('u1')],
  ['that of the API', async () => API_TOKEN],
]

test.each(faulty)("the dashboard's socket is refused with another token: %s", async (_what, make) => {
  await expect(connect((await open()) + PATH, offering(await make()))).rejects.toThrow('403')
})

test("the dashboard's socket is refused without a token, and with a token in the URL", async () => {
  const base = await open()
  await expect(connect(base + PATH)).rejects.toThrow('403')
  await expect(connect(`${base}${PATH}&token=${TOKEN}&authToken=${TOKEN}`)).rejects.toThrow('403')
})

test('the token of the dashboard does not open the chat, and users of the chat cannot open the dashboard', async () => {
  const base = await open()
  await expect(connect(`${base}/socket/websocket?vsn=2.0.0`, offering(TOKEN))).rejects.toThrow('403')
  const user = await connect(`${base}/socket/websocket?vsn=2.0.0`, offering(await tokenFor('u1')))
  user.send(JOIN)
  expect(String(await user.next())).toContain('unmatched topic')
})

test('without DASHBOARD_TOKEN the socket of the dashboard does not exist', async () => {
  await expect(connect((await open(null)) + PATH, offering(''))).rejects.toThrow('404')
})
