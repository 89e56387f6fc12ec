import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** A connection to the next node that takes one; a new one each time, so that nothing goes to a dead node. */
type Dial = () => Promise<Socket | null>

/**
 * A proxy without affinity: each request and each upgrade goes to the next node, past those that are down.
 * @param nodes as `http://127.0.0.1:PORT`.
 */
export async function roundRobin(nodes: readonly string[]): Promise<{ base: string; close(): void }> {
  let turn = 0
  const dial: Dial = async () => {
    for (const _ of nodes) {
      const { port } = new URL(nodes[turn++ % nodes.length] ?? '')
      const socket = connect(Number(port), '127.0.0.1').on('error', () => socket.destroy())
      if (await once(socket, 'connect').catch(() => null)) return socket
    }
    return null
  }
  const server = createServer((asked, reply) => void forward(dial, asked, reply))
  server.on('upgrade', (asked, client, head) => {
    client.unshift(head)
    void upgrade(dial, asked, client)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close().closeAllConnections(),
  }
}

async function forward(dial: Dial, asked: IncomingMessage, reply: ServerResponse): Promise<void> {
  const { method = 'GET', url: path = '/' } = asked
  const socket = await dial()
  if (socket === null) return void reply.writeHead(502).end()
  // Whoever asked has hung up meanwhile: the node would wait for the rest of the request.
  if (reply.destroyed) return void socket.destroy()
  reply.once('close', () => socket.destroy())
  const headers = { ...asked.headers, connection: 'close' }
  const onward = request({ method, path, headers, createConnection: () => socket })
  onward.on('error', () => reply.destroy())
  onward.once('response', (answer) => {
    const { connection: _, ...answered } = answer.headers
    answer.on('error', () => reply.destroy())
    answer.pipe(reply.writeHead(answer.statusCode ?? 502, answered))
  })
  asked.pipe(onward)
}

async function upgrade(dial: Dial, asked: IncomingMessage, client: Duplex): Promise<void> {
  client.on('error', () => client.destroy())
  const socket = await dial()
  if (socket === null) return void client.destroy()
  if (client.destroyed) return void socket.destroy()
  const fields = asked.rawHeaders.map((text, index) => text + (index % 2 === 0 ? ': ' : '\r\n'))
  socket.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${fields.join('')}\r\n`)
  socket.on('close', () => client.destroy())
  client.on('close', () => socket.destroy())
  client.pipe(socket).pipe(client)
}
