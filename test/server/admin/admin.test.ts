import { expect, test } from 'vitest'
import { Admin } from '../../../server/admin/index.ts'
import { userSocket } from '../../../server/app/user-socket.ts'
import { defineSocket, defineUntypedChannel } from '../../../server/index.ts'
import type { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { memoryCluster } from '../../helpers/memory-cluster.ts'
import { supervise } from '../../helpers/supervise.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

const plain = defineSocket<never, { id: string }>({
  connect: ({ id }: { id?: string }) => ({ ok: { id: id ?? '' } }),
})
  .id(({ id }) => id)
  .channel(defineUntypedChannel('thing:*', { join: () => ({ ok: {} }) }))

async function join(endpoint: TestEndpoint, topic: string, id = '') {
  const client = await endpoint.connect(plain, { vsn: '2.0.0', id })
  client.ask(`["1","1","${topic}","phx_join",{}]`)
  return client
}

test('a page lists the topics of all nodes by name, with the number of members on all nodes', async () => {
  const [one, two] = memoryCluster()
  for (const topic of ['thing:b', 'thing:d', 'thing:b']) await join(one, topic)
  for (const topic of ['thing:a', 'thing:b', 'thing:c']) await join(two, topic)
  const [admin] = [new Admin(one), new Admin(two)]
  const first = await admin.topics.page({ prefix: 'thing:', limit: 2 })
  expect(first).toEqual({
    topics: [
      { topic: 'thing:a', count: 1 },
      { topic: 'thing:b', count: 3 },
    ],
    next: 'thing:b',
  })
  const second = await admin.topics.page({ prefix: 'thing:', limit: 2, after: 'thing:b' })
  expect(second).toEqual({
    topics: [
      { topic: 'thing:c', count: 1 },
      { topic: 'thing:d', count: 1 },
    ],
    next: null,
  })
  expect(await admin.topics.page({ prefix: 'other:' })).toEqual({ topics: [], next: null })
})

test('the busiest topics are listed first', async () => {
  const [one, two] = memoryCluster()
  for (const topic of ['thing:a', 'thing:b', 'thing:b', 'thing:c', 'thing:c', 'thing:c'])
    await join(one, topic)
  for (const topic of ['thing:c', 'thing:b']) await join(two, topic)
  const [admin] = [new Admin(one), new Admin(two)]
  expect((await admin.topics.busiest({ limit: 2 })).map(({ topic }) => topic)).toEqual(['thing:c', 'thing:b'])
})

test('a topic is returned with its members and its presences', async () => {
  const [one] = memoryCluster()
  const client = await one.connect(userSocket(null))
  client.ask('["1","1","room:den","phx_join",{"name":"Ann","client":"c1"}]')
  const other = await one.connect(userSocket(null))
  other.ask('["1","1","room:den","phx_join",{}]')
  expect(await new Admin(one).details('room:den')).toEqual({
    topic: 'room:den',
    count: 2,
    presences: { 'room:*': { c1: { metas: [{ name: 'Ann', phx_ref: expect.any(String) }] } } },
  })
})

test('the channels of a topic are closed on all nodes, and their clients get phx_close', async () => {
  const [one, two] = memoryCluster()
  const clients = [
    await join(one, 'thing:a', 'u1'),
    await join(two, 'thing:a', 'u2'),
    await join(two, 'thing:b'),
  ]
  const [admin] = [new Admin(one), new Admin(two)]
  for (const client of clients) client.take()
  expect(await admin.closeChannel('thing:a', 'u2')).toBe(1)
  expect(clients.map((client) => client.take().map(String))).toEqual([
    [],
    ['["1","1","thing:a","phx_close",{}]'],
    [],
  ])
  expect(await admin.closeChannel('thing:a')).toBe(1)
  expect(one.localMemberCount('thing:a') + two.localMemberCount('thing:a')).toBe(0)
  expect(two.localMemberCount('thing:b')).toBe(1)
})

test('a worker of another node can be restarted, including a dynamic one', async () => {
  const [one, two] = memoryCluster()
  const supervisor = supervise()
  const trace = new Trace()
  await supervisor.startChild({ worker: tracedWorker('one'), context: { trace } })
  const [admin] = [new Admin(one), new Admin(two, supervisor)]
  expect(await admin.restartWorker(two.nodeId, 'one')).toBe(true)
  expect(supervisor.children()).toMatchObject([{ id: 'one', status: 'running' }])
  expect(trace.lines).toEqual(['one init', 'one terminate "shutdown"', 'one init'])

  await supervisor.startChild({ worker: tracedWorker('two'), context: { trace }, dynamic: true })
  expect(await admin.restartWorker(two.nodeId, 'two')).toBe(true)
  expect(supervisor.children()).toMatchObject([{ id: 'one' }, { id: 'two', status: 'running', restarts: 1 }])
})

test('restarting an unknown worker, or a worker of an unknown node, has no effect', async () => {
  const [one, two] = memoryCluster()
  const admin = new Admin(one, supervise())
  expect(await admin.restartWorker(one.nodeId, 'none')).toBe(false)
  expect(await admin.restartWorker('gone', 'none')).toBe(false)
  expect(await admin.restartWorker(two.nodeId, 'none')).toBe(false)
})

test('the nodes are listed, starting with the one that was asked', async () => {
  const [one, two] = memoryCluster()
  const [admin] = [new Admin(one), new Admin(two)]
  const nodes = await admin.nodes()
  expect(nodes.map(({ id }) => id)).toEqual([one.nodeId, two.nodeId])
  expect(nodes[0]).toMatchObject({ pid: process.pid, version: process.version })
})
