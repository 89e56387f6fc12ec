import { describe, expect, test } from 'vitest'
import type { HistorySettings, Position } from '../../../server/pubsub/history.ts'
import type { RedisEngineOptions } from '../../../server/redis/index.ts'
import { HistoryNode, numberOf, numbers, places } from '../../helpers/history-node.ts'
import { LossyRedis } from '../../helpers/lossy-redis.ts'
import { ownPrefix, type RedisServer, startRedis } from '../../helpers/redis.ts'
import { inSync, serverOf, startRedisCluster } from '../../helpers/redis-cluster.ts'
import { failOver, startRedisPair } from '../../helpers/redis-failover.ts'
import { startRedisSentinel } from '../../helpers/redis-sentinel.ts'
import { until } from '../../helpers/until.ts'

/** Two nodes that follow a topic. */
async function two(
  options: RedisEngineOptions,
  settings: Partial<HistorySettings> = {},
): Promise<[HistoryNode, HistoryNode]> {
  const prefix = ownPrefix()
  const a = await HistoryNode.start({ prefix, ...options }, settings)
  const b = await HistoryNode.start({ prefix, ...options }, settings)
  await Promise.all([a.follow(), b.follow()])
  return [a, b]
}

/** Publish until it is known to be kept, under a key. */
async function keep(node: HistoryNode, n: number): Promise<Position> {
  let position: Position | null = null
  await expect
    .poll(async () => {
      const appended = await node.append(n, `key-${n}`)
      if (appended.outcome === 'kept') position = appended.position
      return appended.outcome
    })
    .toBe('kept')
  if (position === null) throw new Error('not kept')
  return position
}

const allUp = (nodes: readonly HistoryNode[]) => Promise.all(nodes.map((node) => node.is('up')))
const allDown = (nodes: readonly HistoryNode[]) => Promise.all(nodes.map((node) => node.is('down')))

/** Cut the subscriptions of all nodes. */
async function cutSubscriptions(server: RedisServer): Promise<void> {
  await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
}

describe('lost messages', () => {
  test('between a lost and a new subscription are read, and delivered with their sequence numbers', async () => {
    const server = await startRedis()
    const [a, b] = await two({ url: server.url }, { size: 1_000 })
    for (let round = 0; round < 5; round++) {
      const said = a.say(...numbers(round * 100 + 1, round * 100 + 100))
      await cutSubscriptions(server)
      await said
    }
    await Promise.all([a.hears('500@500'), b.hears('500@500')])
    expect([a.heard, b.heard]).toEqual([places(1, 500), places(1, 500)])
    expect([a.brokenTopics, b.brokenTopics, a.gaps, b.gaps]).toEqual([[], [], [], []])
    expect(b.count('filled')).toBeGreaterThan(0)
  })

  test('between a lost and a new subscription are read as soon as it is there, even if no message follows', async () => {
    const server = await startRedis()
    const [a, b] = await two({ url: server.url })
    for (const n of numbers(1, 3)) {
      await cutSubscriptions(server)
      await a.append(n)
      // Long before the next comparison of the logs with their streams.
      await until(() => [a, b].every(({ heard }) => heard.at(-1) === `${n}@${n}`), { timeout: 5_000 })
      await Promise.all([a, b].map((node) => until(() => node.count('filled') === n)))
    }
  })

  test('without any error are detected by the next message', async () => {
    const server = await startRedis()
    const lossy = await LossyRedis.open(server)
    const prefix = ownPrefix()
    const a = await HistoryNode.start({ url: server.url, prefix })
    const b = await HistoryNode.start({ url: lossy.url, prefix })
    await Promise.all([a.follow(), b.follow()])
    const { epoch } = await a.say(1)
    await b.hears('1@1')
    lossy.lose(true)
    await a.say(2)
    await a.say(3)
    await until(() => lossy.lost > 0)
    lossy.lose(false)
    expect(b.heard).toEqual(['1@1'])
    await a.say(4)
    await b.hears('4@4')
    expect([b.heard, b.brokenTopics]).toEqual([places(1, 4), []])
    expect(b.notes).toContainEqual({ kind: 'filled', topic: 'room:a', count: 3 })
    expect(await b.recover({ since: { epoch, seq: 2 } })).toMatchObject({ recovered: true, head: 4 })
  })

  test('at the end, without any error, are detected by the next comparison, or by a client that received them', async () => {
    const server = await startRedis()
    const lossy = await LossyRedis.open(server)
    const prefix = ownPrefix()
    const a = await HistoryNode.start({ url: server.url, prefix })
    const b = await HistoryNode.start({ url: lossy.url, prefix }, { ttlMs: 3_000 })
    await Promise.all([a.follow(), b.follow(), a.follow('room:b'), b.follow('room:b')])
    lossy.lose(true)
    const since = await a.say(1, 2)
    await a.append(3, null, { topic: 'room:b' })
    await a.hears('3@1')
    expect(await b.recover({ since })).toMatchObject({ recovered: true, seq: 2 })
    expect(b.heard).toEqual(places(1, 2))
    await b.hears('3@1')
  })

  test('that are no longer stored break the topic, which continues with the messages that exist', async () => {
    const server = await startRedis()
    const lossy = await LossyRedis.open(server)
    const options = { prefix: ownPrefix() }
    const a = await HistoryNode.start({ url: server.url, ...options }, { size: 1 })
    const b = await HistoryNode.start({ url: lossy.url, ...options }, { size: 1 })
    await Promise.all([a.follow(), b.follow()])
    const { epoch } = await a.say(1)
    await b.hears('1@1')
    lossy.lose(true)
    await a.say(...numbers(2, 250))
    await until(() => lossy.lost > 0)
    lossy.lose(false)
    await a.say(251)
    await b.hears('251@251')
    expect([a.brokenTopics, b.brokenTopics]).toEqual([[], ['room:a']])
    const places = b.heard.slice(1).map((heard) => Number(heard.split('@')[1]))
    expect(places).toEqual(numbers(places[0] ?? 0, 251))
    expect(await b.recover({ since: { epoch, seq: 1 } })).toMatchObject({ recovered: false, seq: 251 })
  })

  test('of a subscription whose output buffer was full are read', async () => {
    const server = await startRedis('--client-output-buffer-limit', 'pubsub 100kb 0 0')
    const [a, b] = await two({ url: server.url })
    const pad = 'x'.repeat(30_000)
    await Promise.all(numbers(1, 40).map((n) => a.append(n, null, { pad })))
    await Promise.all([a.hears('40@40'), b.hears('40@40')])
    expect([b.heard, b.brokenTopics]).toEqual([places(1, 40), []])
  })
})

describe('a lost history', () => {
  test('after FLUSHALL: the next message has another epoch, the topic is broken, and old cursors are invalid', async () => {
    const server = await startRedis()
    const [a, b] = await two({ url: server.url })
    const since = await a.say(1, 2, 3)
    await b.hears('3@3')
    await server.cli('FLUSHALL')
    const { epoch, seq } = await a.say(4)
    expect([seq, epoch === since.epoch]).toEqual([1, false])
    await Promise.all([a.hears('4@1'), b.hears('4@1')])
    expect([a.brokenTopics, b.brokenTopics]).toEqual([['room:a'], ['room:a']])
    expect(await b.recover({ since })).toEqual({ epoch, seq: 1, head: 1, recovered: false, earlier: [] })
    expect(b.store.replay('room:a', since, 1)).toBeNull()
    expect(b.count('epoch')).toBe(1)
  })

  test('a topic that looks empty breaks once: this node may have missed all broadcasts of the old epoch', async () => {
    const server = await startRedis()
    const [a, b] = await two({ url: server.url }, { ttlMs: 1_500 })
    await server.cli('FLUSHALL')
    await until(() => b.count('epoch') === 1 && a.count('epoch') === 1)
    await a.say(1)
    await b.hears('1@1')
    expect([a.brokenTopics, b.brokenTopics]).toEqual([['room:a'], ['room:a']])
  })

  test('Redis killed and empty: publishers get false, then all clients are told', async () => {
    const server = await startRedis()
    const nodes = await two({ url: server.url })
    const [a, b] = nodes
    const since = await a.say(1, 2)
    await b.hears('2@2')
    await server.kill()
    await allDown(nodes)
    expect([await a.append(3), await a.pass(4), a.heard]).toEqual([
      { outcome: 'unknown' },
      false,
      places(1, 2),
    ])
    await server.restart({ empty: true })
    await allUp(nodes)
    await until(() => b.brokenTopics.length === 1 && a.brokenTopics.length === 1)
    expect(await b.recover({ since })).toMatchObject({ seq: 0, recovered: false })
    await keep(a, 5)
    await b.hears('5@1')
    expect([b.heard, b.brokenTopics]).toEqual([['1@1', '2@2', '5@1'], ['room:a']])
  })
})

describe('after a restart or failover of Redis, a history', () => {
  test('has another epoch; its messages can be read, without sequence numbers', async () => {
    const server = await startRedis()
    const nodes = await two({ url: server.url }, { size: 1_000 })
    const [a, b] = nodes
    const since = await a.say(...numbers(1, 600))
    await b.hears('600@600')
    await server.restart()
    await allUp(nodes)
    await until(() => b.brokenTopics.length === 1)
    const { epoch } = await keep(a, 601)
    await b.hears('601@1')
    expect(await b.recover({ since })).toMatchObject({ epoch, seq: 1, recovered: false, earlier: [] })
    const recovery = await b.recover({ since, last: 500 })
    expect(recovery).toMatchObject({ epoch, seq: 0, head: 1, recovered: false })
    expect(recovery?.earlier.map(numberOf)).toEqual(numbers(102, 600))
    expect(new Set(recovery?.earlier.map(({ seq }) => seq))).toEqual(new Set([0]))
    const part = await b.store.read('room:a', b.settings, { last: 3 })
    expect(part?.entries.map((kept) => [numberOf(kept), kept.seq])).toEqual([
      [599, 0],
      [600, 0],
      [601, 1],
    ])
  })

  test('has nothing after a sequence number before anyone uses the topic, whatever the old epoch has', async () => {
    const server = await startRedis()
    const a = await HistoryNode.start({ url: server.url })
    const position = await a.say(...numbers(1, 5))
    await server.restart()
    for (const since of [0, 3, position]) {
      const read = async () => a.store.read('room:a', a.settings, { since, limit: 10 })
      await expect.poll(() => read().catch(() => null)).toMatchObject({ head: 0, entries: [] })
    }
    const latest = await a.store.read('room:a', a.settings, { last: 10 })
    expect(latest?.entries.map((kept) => [numberOf(kept), kept.seq])).toEqual(
      numbers(1, 5).map((n) => [n, 0]),
    )
  })

  test('still has one message of a key, if it is published again under this key', async () => {
    const server = await startRedis()
    const nodes = await two({ url: server.url })
    const [a, b] = nodes
    const kept = await a.append(1, 'key')
    await server.restart()
    await allUp(nodes)
    await Promise.all(nodes.map((node) => until(() => node.brokenTopics.length === 1)))
    expect(await b.append(1, 'key')).toEqual(kept)
    const { epoch } = await keep(a, 2)
    await Promise.all([a.hears('2@1'), b.hears('2@1')])
    const read = await b.store.read('room:a', b.settings, { last: 10 })
    expect(read?.entries.map((entry) => [numberOf(entry), entry.seq])).toEqual([
      [1, 0],
      [2, 1],
    ])
    expect(await b.recover({ since: null, last: 10 })).toMatchObject({ epoch, seq: 0, head: 1 })
  })

  test('continues if Redis is durable, with sequence numbers, cursors and keys', async () => {
    const server = await startRedis()
    const nodes = await two({ url: server.url, durable: true }, { size: 1_000 })
    const [a, b] = nodes
    const since = await a.say(1)
    const kept = await a.append(2, 'key')
    await b.hears('2@2')
    const said = numbers(3, 400).map((n) => a.append(n, `key-${n}`))
    await server.restart()
    const outcomes = (await Promise.all(said)).map(({ outcome }) => outcome)
    expect(outcomes).toContain('unknown')
    await allUp(nodes)
    for (const [index, outcome] of outcomes.entries()) if (outcome === 'unknown') await keep(b, index + 3)
    expect(await b.append(2, 'key')).toEqual(kept)
    await until(() => a.heard.length === 400 && b.heard.length === 400)
    expect(a.heard.map((heard) => Number.parseInt(heard, 10)).sort((x, y) => x - y)).toEqual(numbers(1, 400))
    expect([b.heard, a.brokenTopics, b.brokenTopics]).toEqual([a.heard, [], []])
    expect(await b.recover({ since })).toMatchObject({ recovered: true, seq: 1, head: 400 })
    expect(await b.replay(since)).toHaveLength(399)
  })

  test('is broken, even if the connections survive the failover', async () => {
    const pair = await startRedisPair()
    const nodes = await two({ url: pair.name.url })
    const [a, b] = nodes
    const since = await a.say(1)
    await b.hears('1@1')
    await failOver(pair)
    const { epoch } = await keep(a, 2)
    expect(epoch).not.toBe(since.epoch)
    await Promise.all([a.hears('2@1'), b.hears('2@1')])
    expect([a.brokenTopics, b.brokenTopics]).toEqual([['room:a'], ['room:a']])
  })

  test('after the same process was a replica, for topics that nobody used meanwhile', async () => {
    const { primary, replica } = await startRedisPair('--repl-diskless-sync-delay', '0')
    const a = await HistoryNode.start({ url: primary.url })
    const kept = await a.append(0, null, { topic: 'room:b' })
    await a.say(1)
    await primary.cli('WAIT', '1', '0')
    await replica.cli('REPLICAOF', 'NO', 'ONE')
    // Is lost.
    const since = await a.say(2, 3)
    await primary.cli('REPLICAOF', '127.0.0.1', String(replica.port))
    await inSync(primary)
    await primary.cli('REPLICAOF', 'NO', 'ONE')
    await a.is('up')
    // At the next heartbeat.
    let attempts = 0
    await expect
      .poll(() => a.append(0, `key-${attempts++}`, { topic: 'room:b' }), { interval: 500 })
      .not.toMatchObject({
        position: { epoch: kept.outcome === 'kept' && kept.position.epoch },
      })
    await a.say(4, 5, 6)
    await a.follow()
    expect(await a.recover({ since })).toMatchObject({ recovered: false })
  })

  test('not because a replica or a backup connects', async () => {
    const server = await startRedis()
    const prefix = ownPrefix()
    const since = await (await HistoryNode.start({ url: server.url, prefix })).say(1)
    const copy = await startRedis('--replicaof', `127.0.0.1 ${server.port}`)
    await inSync(copy)
    expect(await (await HistoryNode.start({ url: server.url, prefix })).say(2)).toEqual({ ...since, seq: 2 })
  })

  test('after a failover by Sentinel', async () => {
    const { name, master, sentinel } = await startRedisSentinel()
    const nodes = await two({ url: `redis://${name}`, sentinels: [sentinel.url] })
    const [a, b] = nodes
    const since = await a.say(1)
    await b.hears('1@1')
    await master.kill()
    await allDown(nodes)
    const { epoch } = await keep(a, 2)
    expect(epoch).not.toBe(since.epoch)
    await b.hears('2@1')
    await until(() => b.brokenTopics.length === 1)
    expect(await b.recover({ since })).toMatchObject({ epoch, recovered: false })
  })

  test('in a cluster is broken only for the topics of the failed server', async () => {
    const cluster = await startRedisCluster({ replicas: 1 })
    const prefix = ownPrefix()
    const nodes = await two({ urls: cluster.urls, prefix })
    const [a, b] = nodes
    const killed = await serverOf(cluster, `${prefix}:{topic:room:a}`)
    let other = 'room:b'
    for (let n = 0; (await serverOf(cluster, `${prefix}:{topic:${other}}`)) === killed; n++)
      other = `room:${n}`
    await b.follow(other)
    const since = await a.say(1)
    await a.append(10, null, { topic: other })
    await killed.kill()
    await allDown(nodes)
    const { epoch } = await keep(a, 2)
    expect(epoch).not.toBe(since.epoch)
    await b.hears('2@1')
    await allUp(nodes)
    await a.append(11, null, { topic: other })
    await b.hears('11@2')
    expect(b.brokenTopics).toEqual(['room:a'])
  })
})

describe('while Redis does not reply (SIGSTOP)', () => {
  test('publishers get false, joins that need Redis get no guessed reply, and all continues afterwards', async () => {
    const server = await startRedis()
    const times = { subscribeTimeout: 500, commandTimeout: 500 }
    const nodes = await two({ url: server.url, ...times })
    const [a, b] = nodes
    const since = await a.say(1, 2, 3)
    await b.hears('3@3')
    server.pause()
    const unknown = a.append(4, 'key')
    const asked = performance.now()
    expect(await b.recover({ since: { ...since, seq: 1 } })).toBeNull()
    expect(performance.now() - asked).toBeGreaterThan(480)
    // A join that needs no read is answered.
    expect(await b.recover({ since })).toMatchObject({ recovered: true, seq: 3 })
    expect(await unknown).toEqual({ outcome: 'unknown' })
    server.resume()
    await allUp(nodes)
    await keep(a, 5)
    expect(await a.append(4, 'key')).toMatchObject({ outcome: 'kept' })
    await until(() => a.heard.length === 5 && b.heard.length === 5)
    expect([new Set(a.heard).size, b.heard, b.brokenTopics]).toEqual([5, a.heard, []])
    expect(await b.recover({ since: { ...since, seq: 1 } })).toMatchObject({ recovered: true })
  })

  test('a topic that is followed in the meantime gets its sequence number when Redis is back', async () => {
    const server = await startRedis()
    const times = { subscribeTimeout: 300, commandTimeout: 300 }
    const nodes = await two({ url: server.url, ...times })
    const [a, b] = nodes
    const sent = await a.append(1, null, { topic: 'room:b' })
    if (sent.outcome !== 'kept') throw new Error('not kept')
    server.pause()
    await b.follow('room:b')
    const waiting = b.recover({ since: sent.position }, 'room:b')
    expect(await waiting).toBeNull()
    server.resume()
    await allUp(nodes)
    expect(await b.recover({ since: sent.position }, 'room:b')).toMatchObject({ recovered: true, seq: 1 })
  })
})

describe('other trouble', () => {
  test('if the connection for commands is cut, a join waits for the next one', async () => {
    const server = await startRedis()
    const nodes = await two({ url: server.url })
    const [a, b] = nodes
    const { epoch } = await a.say(1, 2)
    await b.hears('2@2')
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await allDown(nodes)
    expect(await b.recover({ since: { epoch, seq: 1 } })).toMatchObject({ recovered: true, seq: 1 })
    expect(await b.replay({ epoch, seq: 1 })).toEqual([2])
  })

  test('if Redis has lost the scripts, nothing is sent out of order, and they are loaded again', async () => {
    const server = await startRedis()
    const [a, b] = await two({ url: server.url })
    await a.say(1)
    await server.cli('SCRIPT', 'FLUSH')
    const outcomes = await Promise.all(numbers(2, 50).map((n) => a.append(n)))
    expect(outcomes[0]).toEqual({ outcome: 'unknown' })
    await a.is('up')
    const { seq } = await keep(a, 51)
    await b.hears(`51@${seq}`)
    const heard = b.heard.map((text) => Number.parseInt(text, 10))
    expect(heard).toEqual([...heard].sort((x, y) => x - y))
    expect(b.brokenTopics).toEqual([])
  })

  test('if the server is full, publishers get false', async () => {
    const server = await startRedis()
    const [a] = await two({ url: server.url })
    await a.say(1)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    expect([await a.append(2), a.engine.fault]).toEqual([{ outcome: 'unknown' }, 'OOM'])
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    expect(await a.append(3)).toMatchObject({ position: { seq: 2 } })
    expect(a.count('refused')).toBe(1)
  })

  test('with `whenAway: local` only this node delivers broadcasts that are not kept', async () => {
    const server = await startRedis()
    const nodes = await two({ url: server.url, whenAway: 'local' })
    const [a, b] = nodes
    await a.say(1)
    await Promise.all([a.hears('1@1'), b.hears('1@1')])
    await server.kill()
    await allDown(nodes)
    expect([await a.append(2), await a.pass(3)]).toEqual([{ outcome: 'unknown' }, false])
    expect([a.heard, b.heard]).toEqual([['1@1', '2', '3'], ['1@1']])
  })

  test('if Redis is slow, unsent bytes are limited', async () => {
    const server = await startRedis()
    const [a] = await two({ url: server.url, maxUnsentBytes: 100_000 })
    server.pause()
    const pad = 'x'.repeat(10_000)
    const sent = numbers(1, 20).map((n) => a.append(n, null, { pad }))
    expect((await Promise.all(sent.slice(10))).every(({ outcome }) => outcome === 'unknown')).toBe(true)
    server.resume()
    expect((await Promise.all(sent.slice(0, 9))).every(({ outcome }) => outcome === 'kept')).toBe(true)
  })
})
