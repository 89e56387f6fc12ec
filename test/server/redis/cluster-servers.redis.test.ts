import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from 'redis'
import { expect, onTestFinished, test } from 'vitest'
import { type Cluster, ClusterServers } from '../../../server/redis/cluster-servers.ts'
import { ownPrefix, type RedisServer } from '../../helpers/redis.ts'
import { type RedisClusterServers, serverOf, startRedisCluster } from '../../helpers/redis-cluster.ts'
import { RedisNode } from '../../helpers/redis-node.ts'
import { until } from '../../helpers/until.ts'

const HEARTBEAT_MS = 5_000
const TOPICS = Array.from({ length: 20 }, (_, n) => `room:${n}`)

test('nodes reconnect to the replica that replaced a dead master', async () => {
  const cluster = await startRedisCluster({ replicas: 1 })
  const prefix = ownPrefix()
  const options = { urls: cluster.urls.slice(0, 2), prefix }
  const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
  const listeners = await Promise.all(TOPICS.map((topic) => b.listen(topic)))
  for (const topic of TOPICS) expect(await a.say(topic, 1)).toBe(true)
  for (const listener of listeners) await listener.has(1)
  const victim = await serverOf(cluster, `${prefix}:{topic:room:0}`)
  await victim.kill()
  for (const node of [a, b]) await node.is('down')
  expect(await a.say('room:0', 2)).toBe(false)
  for (const node of [a, b]) await node.is('up')
  for (const topic of TOPICS) expect(await a.say(topic, 3)).toBe(true)
  for (const listener of listeners) await listener.has(3)
  expect(b.lines).toHaveLength(2)
})

test('a node follows a slot that is moved to another server, and reports a gap', async () => {
  const cluster = await startRedisCluster()
  const prefix = ownPrefix()
  const options = { urls: cluster.urls, prefix }
  const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
  const gaps: string[] = []
  await b.endpoint.pubsub.start((topics) => gaps.push(...topics))
  const listener = await b.listen('room:0')
  const channel = `${prefix}:{topic:room:0}`
  await moveSlot(cluster, channel)
  await until(() => gaps.length > 0)
  expect(await a.say('room:0', 1)).toBe(true)
  await listener.has(1)
  // Told again if it asked the old server once more: a gap is a reason to look, and to look twice does no harm.
  expect([[...new Set(gaps)], listener.heard]).toEqual([['room:0'], [1]])
})

// A server ends the subscriptions of a slot with a message to the client when the slot moves, and also when the slot
// is assigned to the server that has it already.
test('a subscription that Redis ends directly after its reply is made again', async () => {
  const { a, b, gaps, owner, reassign } = await nodesAndSlot()
  owner.pause()
  const listening = b.listen('room:0')
  await delay(50)
  const reassigned = reassign()
  await delay(50)
  owner.resume()
  await reassigned
  const listener = await listening
  await until(() => gaps.includes('room:0'))
  expect(await a.say('room:0', 1)).toBe(true)
  await listener.has(1)
  expect(b.lines).toEqual([])
})

// The client takes such a message for the reply to the command that it has sent, here a heartbeat.
test('a subscription that Redis ends while the client waits for a reply is made again', async () => {
  const { a, b, gaps, owner, reassign } = await nodesAndSlot()
  const listener = await b.listen('room:0')
  owner.pause()
  const reassigned = reassign()
  await delay(HEARTBEAT_MS + 300)
  owner.resume()
  await reassigned
  await until(() => gaps.includes('room:0'))
  await a.is('up')
  expect(await a.say('room:0', 1)).toBe(true)
  await listener.has(1)
})

test('other slots keep working while one server does not answer', async () => {
  const cluster = await startRedisCluster()
  const prefix = ownPrefix()
  const options = { urls: cluster.urls, prefix, commandTimeout: 200 }
  const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
  const listeners = new Map(
    await Promise.all(TOPICS.map(async (topic) => [topic, await b.listen(topic)] as const)),
  )
  const silent = await serverOf(cluster, `${prefix}:{topic:room:0}`)
  const elsewhere: string[] = []
  for (const topic of TOPICS) {
    if ((await serverOf(cluster, `${prefix}:{topic:${topic}}`)) !== silent) elsewhere.push(topic)
  }
  silent.pause()
  expect(await a.say('room:0', 1)).toBe(false)
  expect(a.engine.state).toBe('down')
  for (const topic of elsewhere) {
    await a.say(topic, 2)
    await listeners.get(topic)?.has(2)
  }
  silent.resume()
  await a.is('up')
  expect(await a.say('room:0', 3)).toBe(true)
  await listeners.get('room:0')?.has(3)
})

test('several commands that time out together replace a connection once', () => {
  const opened: { isReady: boolean; isDestroyed: boolean }[] = []
  const open = (isReady: boolean) => {
    const client = {
      isReady,
      isDestroyed: false,
      destroy() {
        client.isDestroyed = true
      },
    }
    opened.push(client)
    return client as unknown as NonNullable<Cluster['masters'][number]['client']>
  }
  const master = { address: 'a:1', client: open(true) }
  const servers = new ClusterServers({
    isOpen: true,
    masters: [master],
    slots: Array(16_384).fill({ master }),
    _slots: { rediscover: async () => {} },
    connect: async () => {},
    close: async () => {},
    destroy() {},
    async nodeClient() {
      master.client = open(false)
    },
    on() {},
    sendCommand: async () => {},
  })
  for (let n = 0; n < 2; n++) {
    servers.cut('key', new Error('no reply'))
    servers.send('key', ['GET', 'key'], 'strings').catch(() => {})
  }
  expect(opened).toMatchObject([
    { isReady: true, isDestroyed: true },
    { isReady: false, isDestroyed: false },
  ])
})

/**
 * Two nodes of a cluster, with the server of `room:0` and a function that assigns the slot to that server again. Node
 * `b` is connected to the server; `gaps` are the topics that it reports.
 */
async function nodesAndSlot() {
  const cluster = await startRedisCluster()
  const prefix = ownPrefix()
  const options = { urls: cluster.urls, prefix }
  const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
  const gaps: string[] = []
  await b.endpoint.pubsub.start((topics) => gaps.push(...topics))
  await Promise.all(TOPICS.slice(1).map((topic) => b.listen(topic)))
  const key = `${prefix}:{topic:room:0}`
  const owner = await serverOf(cluster, key)
  const client = await createClient({ url: owner.url }).connect()
  onTestFinished(() => client.destroy())
  const [slot, id] = [await owner.cli('CLUSTER', 'KEYSLOT', key), await owner.cli('CLUSTER', 'MYID')]
  return { a, b, gaps, owner, reassign: () => client.sendCommand(['CLUSTER', 'SETSLOT', slot, 'NODE', id]) }
}

/** Give the slot of a key to another server, as an operator does. */
async function moveSlot(cluster: RedisClusterServers, key: string): Promise<void> {
  const from = await serverOf(cluster, key)
  const to = cluster.servers.find((server) => server !== from) as RedisServer
  const slot = await from.cli('CLUSTER', 'KEYSLOT', key)
  const [fromId, toId] = [await from.cli('CLUSTER', 'MYID'), await to.cli('CLUSTER', 'MYID')]
  await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  for (const name of (await from.cli('CLUSTER', 'GETKEYSINSLOT', slot, '100')).split('\n').filter(Boolean)) {
    await from.cli('MIGRATE', '127.0.0.1', String(to.port), name, '0', '1000')
  }
  for (const server of [to, from, ...cluster.servers])
    await server.cli('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
}
