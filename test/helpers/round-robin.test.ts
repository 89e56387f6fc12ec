import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { request } from './raw-http.ts'
import { roundRobin } from './round-robin.ts'

/** A node that answers with its name and what it was asked. */
async function node(name: string): Promise<{ base: string; stop: () => void }> {
  const server = createServer((asked, reply) => {
    const line = `${name} ${asked.method} ${asked.url} ${asked.headers['x-mine']} `
    void text(asked).then((body) => reply.end(line + body))
  })
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data) => socket.send(`${name} ${data}`))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const stop = () => void server.close().closeAllConnections()
  onTestFinished(stop)
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}

async function serve() {
  const nodes = [await node('a'), await node('b')]
  const proxy = await roundRobin(nodes.map(({ base }) => base))
  onTestFinished(() => proxy.close())
  return { nodes, base: proxy.base }
}

test('requests go to the nodes in turn, unchanged', async () => {
  const { base } = await serve()
  const post = { method: 'POST', headers: { 'x-mine': 'h' }, body: 'body' }
  expect((await request(`${base}/p?q=1`, post)).body).toBe('a POST /p?q=1 h body')
  expect((await request(`${base}/p`)).body).toBe('b GET /p undefined ')
  expect((await request(`${base}/p`)).body).toBe('a GET /p undefined ')
})

test('upgrades go to the nodes in turn, too', async () => {
  const { base } = await serve()
  for (const name of ['a', 'b', 'a']) {
    const client = new WebSocket(base.replace('http', 'ws'))
    await once(client, 'open')
    client.send('hello')
    expect(String((await once(client, 'message'))[0])).toBe(`${name} hello`)
    client.terminate()
  }
})

test('a node that is down is skipped; if all nodes are down, the response is 502', async () => {
  const { base, nodes } = await serve()
  nodes[0]?.stop()
  for (const _ of [1, 2, 3]) expect((await request(base)).body).toContain('b GET')
  nodes[1]?.stop()
  expect((await request(base)).status).toBe(502)
})
