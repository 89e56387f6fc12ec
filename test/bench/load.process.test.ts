import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'

const MEMBERS = 5
const MESSAGES = 20

interface Outcome {
  units: number
  lost: number
  doubled: number
  misordered: number
  faults: string[]
}

/** Server's reaction to message `index`: it sends the returned texts, or closes the connection for null. */
type Delivery = (text: string, index: number) => string[] | null

type Node = { port: number; broadcast(text: string): void }

/**
 * A server of the raw protocol that delivers to the second member of its room as told, and to the others well. What
 * its members publish goes to the node `beside` it instead, if there is one.
 */
async function startServer(deliver: Delivery, beside?: Node): Promise<Node> {
  const members: WebSocket[] = []
  let index = 0
  const broadcast = (text: string) => {
    const texts = deliver(text, index++)
    members.forEach((member, number) => {
      if (number !== 1) member.send(text)
      else if (texts === null) member.close(1011)
      else for (const each of texts) member.send(each)
    })
  }
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.once('message', () => {
      members.push(socket)
      socket.on('message', (data) => (beside?.broadcast ?? broadcast)(String(data)))
      socket.send('j')
    })
  })
  onTestFinished(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a TCP server that listens has no other kind of address
  return { port, broadcast }
}

async function command<T>(child: ChildProcess, name: string, argument: unknown): Promise<T> {
  child.send({ id: 1, command: name, argument })
  const [answer] = (await once(child, 'message')) as [{ result: T; error?: string }] // the form that bench/answer.mjs sends
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer.result
}

async function publish(deliver: Delivery, isElsewhere = false): Promise<Outcome> {
  const node = await startServer(deliver)
  const other = isElsewhere ? await startServer(deliver, node) : null
  const generator = fork('bench/load/main.mjs')
  onTestFinished(() => {
    generator.kill()
  })
  const ports = other === null ? { port: node.port } : { port: node.port, publisherPort: other.port }
  await command(generator, 'join', { protocol: 'raw', rooms: 1, roomSize: MEMBERS, inFlight: 1, ...ports })
  return command(generator, 'publish', { messages: MESSAGES, rate: 1_000, stallAfter: 200 })
}

test('counts no errors if every member gets every message in order', async () => {
  const outcome = await publish((text) => [text])
  expect(outcome).toMatchObject({ units: MEMBERS * MESSAGES, lost: 0, doubled: 0, misordered: 0, faults: [] })
})

test('counts the messages that members get from another node', async () => {
  const outcome = await publish((text, index) => (index === 4 ? [] : [text]), true)
  expect(outcome).toMatchObject({
    units: MEMBERS * MESSAGES - 1,
    lost: 1,
    doubled: 0,
    misordered: 0,
    faults: [],
  })
})

test('counts every missing message of a member', async () => {
  const outcome = await publish((text, index) => (index % 10 === 9 ? [] : [text]))
  expect(outcome).toMatchObject({ units: MEMBERS * MESSAGES - 2, lost: 2, doubled: 0, misordered: 0 })
})

test('counts every duplicate message of a member, even if as many are lost', async () => {
  const outcome = await publish((text, index) => (index === 3 ? [] : index === 7 ? [text, text] : [text]))
  expect(outcome).toMatchObject({ lost: 1, doubled: 1, misordered: 0 })
})

test('counts messages that arrive after a later one', async () => {
  let held: string | null = null
  const outcome = await publish((text, index) => {
    if (index === 4) held = text
    return index === 4 ? [] : index === 5 && held !== null ? [text, held] : [text]
  })
  expect(outcome).toMatchObject({ lost: 0, doubled: 0, misordered: 1 })
})

test('reports a body that differs from the one that was sent', async () => {
  const outcome = await publish((text) => [text.replace('xyz', 'XYZ')])
  expect(outcome.faults[0]).toContain('unexpected delivery')
})

test('reports a connection that the server closed', async () => {
  const outcome = await publish((text, index) => (index === 10 ? null : [text]))
  expect(outcome.lost).toBeGreaterThan(0)
  expect(outcome.faults[0]).toContain('closed with 1011')
})
