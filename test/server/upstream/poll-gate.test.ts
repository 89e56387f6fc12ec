import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { guardRequests } from '../../../server/upstream/poll-gate.ts'
import { request } from '../../helpers/raw-http.ts'

/** A server behind the gate; what comes through is answered 200 "through". */
async function setUp() {
  const state = { isDraining: false }
  const server = createServer((_request, response) => response.end('through'))
  const find = ({ url = '/' }: IncomingMessage) => {
    const path = url.split('?')[0] ?? url
    return { path: path.endsWith('/longpoll') ? path : null, isRefused: false }
  }
  guardRequests(server, {
    isDraining: () => state.isDraining,
    find,
    polls: new Set(['/socket/longpoll', '/c/lobby/longpoll']),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { state, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('a server that does not drain serves all requests', async () => {
  const { base } = await setUp()
  expect((await request(`${base}/socket/longpoll`)).body).toBe('through')
})

test('a server that drains refuses polls with an empty 503, and closes the connection (LONGPOLL-10)', async () => {
  const { base, state } = await setUp()
  state.isDraining = true
  for (const path of ['/socket/longpoll?vsn=2.0.0&token=t', '/c/lobby/longpoll']) {
    const { status, headers, body } = await request(base + path)
    expect({ status, body }).toEqual({ status: 503, body: '' })
    expect(headers).toMatchObject({
      'retry-after': '1',
      connection: 'close',
      'access-control-allow-origin': '*',
    })
  }
})

test('a server that drains refuses POSTs too, whatever their body', async () => {
  const { base, state } = await setUp()
  state.isDraining = true
  const { status } = await request(`${base}/socket/longpoll`, { method: 'POST', body: '["a"]' })
  expect(status).toBe(503)
})

test('other requests are not affected', async () => {
  const { base, state } = await setUp()
  state.isDraining = true
  for (const path of ['/', '/socket', '/socket/longpoll/x', '/c/longpoll']) {
    expect((await request(base + path)).body).toBe('through')
  }
})
