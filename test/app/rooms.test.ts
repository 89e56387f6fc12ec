import { expect, test, vi } from 'vitest'
import { Rooms } from '../../server/app/rooms.ts'
import { userSocket } from '../../server/app/user-socket.ts'
import { TestEndpoint } from '../helpers/build-endpoint.ts'
import { MemoryEngine, MemoryNodes } from '../helpers/memory-nodes.ts'
import { until } from '../helpers/until.ts'

/** Nodes of the chat that reach each other. */
function nodes(count: number) {
  const all = new Map<string, MemoryNodes>()
  return Array.from({ length: count }, (_, n) => {
    const endpoint = new TestEndpoint({ engine: new MemoryEngine(new MemoryNodes(String(n), all)) })
    const enter = async (room: string) => {
      const client = await endpoint.connect(userSocket(null))
      client.ask(`["1","1","room:${room}","phx_join",{}]`)
    }
    return { endpoint, rooms: new Rooms(endpoint), enter }
  })
}

type Node = ReturnType<typeof nodes>[number]

/** A hundred channels each, as many as a connection may have. */
async function fill({ endpoint }: { endpoint: TestEndpoint }, connections: number, name: string) {
  for (let n = 0; n < connections; n += 1) {
    const client = await endpoint.connect(userSocket(null))
    for (let m = 0; m < 100; m += 1) client.send(`["1","1","room:${name}-${n}-${m}","phx_join",{}]`)
  }
  await until(() => endpoint.localTopics('room:').length >= connections * 100 + 1)
}

test('the number of members includes all nodes', async () => {
  const [one, two] = nodes(2) as [Node, Node]
  for (const room of ['attic', 'attic', 'den', 'den']) await one.enter(room)
  for (const room of ['zoo', 'den', 'lobby']) await two.enter(room)
  expect(await one.rooms.list()).toEqual(['global', 'lobby', 'den', 'attic', 'zoo'])
})

test('nodes send each other only the 1,000 rooms with the most connections', async () => {
  const [one, two] = nodes(2) as [Node, Node]
  for (const room of ['zoo', 'zoo']) await two.enter(room)
  await fill(two, 11, 'a-room')
  const list = await one.rooms.list()
  expect(list).toHaveLength(2 + 1_000)
  expect(list.slice(0, 4)).toEqual(['global', 'lobby', 'zoo', 'a-room-0-0'])
})

test('a node that is asked again within a second returns the same result without counting again', async () => {
  const [one, two, three] = nodes(3) as [Node, Node, Node]
  const topics = vi.spyOn(three.endpoint.pubsub, 'topics')
  for (let n = 0; n < 20; n += 1) await Promise.all([one.rooms.list(), two.rooms.list()])
  expect(topics.mock.calls.length).toBeLessThanOrEqual(2)
})
