import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'

async function send(bytes: string): Promise<string> {
  const { app } = await openApp({ requestTimeoutMs: 50 })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const client = connect(port, '127.0.0.1')
  client.write(bytes)
  return text(client)
}

const post = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`

test.each([
  [
    'a body that stays unfinished',
    `${post('/api/rooms/lobby/messages')}Content-Length: 100\r\n\r\n{"body":"`,
  ],
  ['a chunk', `${post('/api/rooms/lobby/messages')}Transfer-Encoding: chunked\r\n\r\n5\r\n{"bod`],
  ['a head', 'GET /api/rooms HTTP/1.1\r\nHo'],
])('%s is answered 408, and its connection is closed', async (_what, bytes) => {
  expect(await send(bytes)).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
})
