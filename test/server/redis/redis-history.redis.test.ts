import { describe, expect, test } from 'vitest'
import type { HistorySettings } from '../../../server/pubsub/history.ts'
import type { RedisEngineOptions } from '../../../server/redis/index.ts'
import { HistoryNode, numberOf, numbers, places } from '../../helpers/history-node.ts'
import { ownPrefix, redisUrl, startRedis } from '../../helpers/redis.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { until } from '../../helpers/until.ts'

/** Adds an entry like the first one, with its place and time. */
const ADD = `
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][2]
return redis.call('XADD', KEYS[1], ARGV[1], 'm', first[2], 't', ARGV[2], 'b', first[6])
`

/** Nodes that follow a topic. */
async function following(
  count: number,
  options: RedisEngineOptions,
  settings: Partial<HistorySettings> = {},
): Promise<[HistoryNode, HistoryNode, HistoryNode]> {
  const prefix = ownPrefix()
  const nodes: HistoryNode[] = []
  for (let n = 0; n < count; n++) nodes.push(await HistoryNode.start({ prefix, ...options }, settings))
  await Promise.all(nodes.map((node) => node.follow()))
  const [a, b = a, c = b] = nodes
  if (a === undefined || b === undefined || c === undefined) throw new Error('no node')
  return [a, b, c]
}

describe('delivery', () => {
  test('a broadcast is delivered once on all nodes, including its own, when it returns from Redis', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    const sent = a.append(1)
    expect(a.heard).toEqual([])
    expect(await sent).toEqual({
      outcome: 'kept',
      position: { epoch: expect.stringMatching(/^\d{19}$/), seq: 1 },
    })
    await b.say(2)
    await Promise.all([a.hears('2@2'), b.hears('2@2')])
    expect([a.heard, b.heard]).toEqual([places(1, 2), places(1, 2)])
  })

  test("broadcasts of three publishers on three nodes have one order, in which each publisher's order is kept", async () => {
    const nodes = await following(3, { url: await redisUrl() })
    await Promise.all(nodes.map((node, index) => node.say(...numbers(index * 1_000, index * 1_000 + 299))))
    await Promise.all(nodes.map((node) => until(() => node.heard.length === 900)))
    const [a, b, c] = nodes
    expect([b.heard, c.heard]).toEqual([a.heard, a.heard])
    expect(a.heard.map((heard) => Number(heard.split('@')[1]))).toEqual(numbers(1, 900))
    for (const index of [0, 1, 2]) {
      const own = a.heard
        .map((heard) => Number.parseInt(heard, 10))
        .filter((n) => Math.floor(n / 1_000) === index)
      expect(own).toEqual(numbers(index * 1_000, index * 1_000 + 299))
    }
    expect(nodes.map((node) => [node.brokenTopics, node.faults])).toEqual([
      [[], []],
      [[], []],
      [[], []],
    ])
  })

  test('events that are not kept stay in order with those that are', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    expect(await Promise.all([a.pass(1), a.say(2), a.pass(3), a.say(4)])).toMatchObject([true, {}, true, {}])
    await Promise.all([a.hears('4@2'), b.hears('4@2')])
    expect([a.heard, b.heard]).toEqual([
      ['1', '2@1', '3', '4@2'],
      ['1', '2@1', '3', '4@2'],
    ])
  })

  test('the sender is known on all nodes', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    await a.append(1, null, { from: 'ann' })
    await b.hears('1@1')
    const part = await b.store.read('room:a', b.settings, { last: 1 })
    expect(part?.entries).toMatchObject([{ from: 'ann', event: 'said', json: '{"n":1}' }])
  })

  test('nothing is kept or delivered after the stop', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    await b.store.stop()
    await a.say(1)
    await a.hears('1@1')
    expect([await b.append(2), b.heard]).toEqual([{ outcome: 'unknown' }, []])
  })

  test('a topic that is left and followed again starts at its present head', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    await a.say(1)
    await b.hears('1@1')
    b.leave()
    await a.say(2)
    await a.hears('2@2')
    await b.follow()
    await a.say(3)
    await b.hears('3@3')
    expect(b.heard).toEqual(['1@1', '3@3'])
  })
})

describe('keys', () => {
  test('a publish repeated under its key, on two nodes at once, is kept and delivered once', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    const outcomes = await Promise.all([a.append(1, 'k'), b.append(1, 'k'), a.append(1, 'k')])
    expect(outcomes).toMatchObject(Array(3).fill({ outcome: 'kept', position: { seq: 1 } }))
    await a.say(2)
    await b.hears('2@2')
    expect(b.heard).toEqual(places(1, 2))
    expect(await b.append(9, 'k')).toEqual({ outcome: 'key_reused' })
  })

  test('keys that differ only in a colon or a brace are different', async () => {
    const [a] = await following(1, { url: await redisUrl() })
    for (const key of ['a:b', 'a%3Ab', 'a{b', 'x'.repeat(128)]) {
      expect(await a.append(1, key)).toMatchObject({ outcome: 'kept' })
    }
    await a.hears('1@4')
  })
})

describe('recovery', () => {
  test('a client gets the broadcasts that it missed, up to the last one that its node has delivered', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    const { epoch } = await a.say(...numbers(1, 10))
    await b.hears('10@10')
    const since = { epoch, seq: 4 }
    expect(await b.recover({ since })).toEqual({ epoch, seq: 4, head: 10, recovered: true, earlier: [] })
    expect(await b.replay(since)).toEqual(numbers(5, 10))
    const head = { epoch, seq: 10 }
    const reads = b.count('read')
    expect(await b.recover({ since: head })).toMatchObject({ seq: 10, recovered: true })
    expect([await b.replay(head), b.count('read') - reads]).toEqual([[], 0])
  })

  test('missed broadcasts are read in pages, and only once for many clients that reconnect', async () => {
    const [a, b] = await following(2, { url: await redisUrl() }, { size: 1_000 })
    const { epoch } = await a.say(...numbers(1, 900))
    await b.hears('900@900')
    const before = b.count('read')
    const crowd = numbers(0, 999).map((n) => b.recover({ since: { epoch, seq: 100 + (n % 50) } }))
    expect((await Promise.all(crowd)).every((recovery) => recovery?.recovered)).toBe(true)
    expect(b.count('read') - before).toBe(1)
    expect(await b.replay({ epoch, seq: 100 })).toEqual(numbers(101, 900))
    expect(await b.replay({ epoch, seq: 120 })).toEqual(numbers(121, 900))
    const reads = b.notes.slice(-4).map((note) => (note.kind === 'read' ? note.count : 0))
    expect([b.count('read') - before, reads]).toEqual([4, [256, 256, 256, 32]])
  })

  test('broadcasts delivered after a read are remembered with it, and all is forgotten after five seconds', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    const { epoch } = await a.say(...numbers(1, 5))
    await b.hears('5@5')
    const idle = b.store.bytes
    await b.recover({ since: { epoch, seq: 3 } })
    await a.say(6)
    await b.hears('6@6')
    const before = b.count('read')
    expect(await b.replay({ epoch, seq: 3 })).toEqual([4, 5, 6])
    expect([b.count('read') - before, b.store.bytes - idle]).toEqual([0, 3 * 207])
    await until(() => b.store.bytes === idle, { timeout: 10_000 })
    expect(await b.replay({ epoch, seq: 3 })).toEqual([4, 5, 6])
  })

  test('a client that is ahead of its node is recovered or not after a read', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    await a.say(1)
    await b.hears('1@1')
    // Nothing arrives at this node between these calls.
    const since = await a.say(2, 3)
    const isBehind = b.heard.length < 3
    const recovery = await b.recover({ since })
    expect(recovery).toMatchObject({ seq: 3, head: 3, recovered: true })
    expect([isBehind, b.heard]).toEqual([expect.any(Boolean), places(1, 3)])
  })

  test('at the edge of the stored range, a client is recovered completely or not at all', async () => {
    const [a, b] = await following(2, { url: await redisUrl() }, { size: 100 })
    const { epoch } = await a.say(...numbers(1, 450))
    await b.hears('450@450')
    const part = await b.store.read('room:a', b.settings, { last: 1_000 })
    const low = part?.entries[0]?.seq ?? 0
    expect(low).toBeGreaterThan(450 - 201)
    expect(low).toBeLessThanOrEqual(351)
    expect(await b.recover({ since: { epoch, seq: low - 1 } })).toMatchObject({
      seq: low - 1,
      recovered: true,
    })
    expect(await b.replay({ epoch, seq: low - 1 })).toEqual(numbers(low, 450))
    const gone = { epoch, seq: low - 2 }
    expect(await b.recover({ since: gone })).toMatchObject({ seq: 450, recovered: false })
    expect(await b.replay(gone)).toBeNull()
    expect(await b.recover({ since: gone, last: 20 })).toMatchObject({ seq: 430, recovered: false })
  })

  test('a new client starts at the head from before its join, or with the latest broadcasts', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    const noted = await a.say(...numbers(1, 5))
    await b.hears('5@5')
    expect(await b.store.head('room:a', b.settings)).toEqual(noted)
    await a.say(6, 7)
    await b.hears('7@7')
    expect(await b.recover({ noted })).toMatchObject({ seq: 5, head: 7, recovered: false })
    expect(await b.recover({ noted, last: 4 })).toMatchObject({ seq: 3 })
    expect(await b.recover({ last: 50 })).toMatchObject({ seq: 0, earlier: [] })
    expect(await b.recover({})).toMatchObject({ seq: 7 })
  })

  test('the head of a topic that is not followed is read, and can be used as a cursor', async () => {
    const [a, b] = await following(2, { url: await redisUrl() })
    const noted = await b.store.head('room:b', b.settings)
    expect(noted).toEqual({ epoch: expect.stringMatching(/^\d{19}$/), seq: 0 })
    await a.append(1, null, { topic: 'room:b' })
    await b.follow('room:b')
    expect(await b.recover({ since: noted }, 'room:b')).toMatchObject({ seq: 0, head: 1, recovered: true })
  })

  test('ten thousand forged cursors cause few reads, and do not affect other clients', async () => {
    const [a, b] = await following(2, { url: await redisUrl() }, { size: 1_000 })
    const { epoch } = await a.say(...numbers(1, 1_000))
    await b.hears('1000@1000')
    const before = b.count('read')
    const forged = numbers(1, 10_000).map((n) =>
      b.recover({ since: { epoch: n % 2 === 0 ? epoch : String(n), seq: (n * 7_919) % 5_000 } }),
    )
    const honest = b.recover({ since: { epoch, seq: 999 } })
    expect(await honest).toMatchObject({ recovered: true })
    await Promise.all(forged)
    expect(b.count('read') - before).toBeLessThanOrEqual(8)
    expect(b.brokenTopics).toEqual([])
  })

  test('memory stays below its limit, whatever is read', async () => {
    const [a, b] = await following(2, { url: await redisUrl() }, { maxBytes: 10_000_000 })
    const pad = 'x'.repeat(20_000)
    for (const topic of numbers(1, 5).map((n) => `room:${n}`)) {
      await b.follow(topic)
      await Promise.all(numbers(1, 20).map((n) => a.append(n, null, { topic, pad })))
    }
    for (const topic of numbers(1, 5).map((n) => `room:${n}`)) {
      const { epoch = '' } = (await b.recover({ last: 20 }, topic)) ?? {}
      expect(await b.replay({ epoch, seq: 0 }, topic)).toEqual(numbers(1, 20))
    }
    expect(b.store.bytes).toBeLessThanOrEqual(b.maxBytes + 20 * 20_300)
  })
})

describe('time', () => {
  test('expired broadcasts are neither sent nor listed, and a cursor before them is not recovered', async () => {
    const [a, b] = await following(2, { url: await redisUrl() }, { ttlMs: 1_500 })
    const old = await a.say(1, 2)
    await b.hears('2@2')
    await expect
      .poll(async () => (await b.store.read('room:a', b.settings, { last: 9 }))?.entries)
      .toEqual([])
    const young = await a.say(3)
    await b.hears('3@3')
    // The epoch lives, as the topic is followed.
    expect(young.epoch).toBe(old.epoch)
    expect(await b.recover({ since: { ...old, seq: 1 } })).toMatchObject({ recovered: false, seq: 3 })
    expect(await b.recover({ since: old })).toMatchObject({ recovered: true, seq: 2 })
    expect(await b.replay(old)).toEqual([3])
    expect([a.brokenTopics, b.brokenTopics]).toEqual([[], []])
  })

  test('if the clock of Redis goes back, a client before an old entry is not recovered', async () => {
    const server = await startRedis()
    const prefix = ownPrefix()
    const [a] = await following(1, { url: server.url, prefix }, { ttlMs: 10_000 })
    const { epoch } = await a.say(1)
    const add = (seq: number, age: number) =>
      server.cli(
        'EVAL',
        ADD,
        '1',
        `${prefix}:{topic:room:a}:log`,
        `${epoch}-${seq}`,
        String(Date.now() - age),
      )
    // The second is of a clock that was an hour late; the first and the third are not.
    await add(2, 3_600_000)
    await add(3, 0)
    await add(4, 0)
    await a.say(5)
    await a.hears('5@5')
    expect(a.brokenTopics).toEqual(['room:a'])
    expect(await a.recover({ since: { epoch, seq: 0 } })).toMatchObject({ recovered: false, seq: 5 })
    expect(await a.recover({ since: { epoch, seq: 1 } })).toMatchObject({ recovered: false })
    expect(await a.recover({ since: { epoch, seq: 2 } })).toMatchObject({ recovered: true })
    expect(await a.recover({ since: null, last: 10 })).toMatchObject({ seq: 2 })
    expect(await a.replay({ epoch, seq: 2 })).toEqual([1, 1, 5])
  })

  test('a followed topic keeps its epoch; the epoch of a topic that is not followed ends with its lifetime', async () => {
    const [a, b] = await following(2, { url: await redisUrl() }, { ttlMs: 900 })
    const first = await a.say(1)
    const other = await a.append(1, null, { topic: 'room:b' })
    await expect.poll(async () => (await b.store.read('room:b', b.settings, { last: 1 }))?.epoch).toBe('0')
    expect((await a.say(2)).epoch).toBe(first.epoch)
    expect(await a.append(2, null, { topic: 'room:b' })).not.toEqual(other)
    expect(await a.append(3, null, { topic: 'room:b' })).toMatchObject({ position: { seq: 2 } })
  })
})

describe('reading', () => {
  test('returns the latest, those before a sequence number, and those after one, in pages', async () => {
    const [a] = await following(1, { url: await redisUrl() }, { size: 1_000 })
    const { epoch } = await a.say(...numbers(1, 600))
    const read = async (range: Parameters<typeof a.store.read>[2]) => {
      const part = await a.store.read('room:a', a.settings, range)
      const found = part?.entries.map(numberOf) ?? []
      return [found[0], found.at(-1), found.length, part?.hasOlder, part?.head]
    }
    expect(await read({ last: 500 })).toEqual([101, 600, 500, true, 600])
    expect(await read({ last: 500, before: 101 })).toEqual([1, 100, 100, false, 600])
    expect(await read({ since: 0, limit: 300 })).toEqual([1, 300, 300, false, 600])
    expect(await read({ since: { epoch, seq: 300 }, limit: 1_000 })).toEqual([301, 600, 300, true, 600])
    expect(await read({ since: { epoch: '1', seq: 300 }, limit: 10 })).toEqual([1, 10, 10, false, 600])
  })

  test('a topic without a history is always empty', async () => {
    const [a] = await following(1, { url: await redisUrl() })
    const part = { epoch: '0', head: 0, entries: [], hasOlder: false }
    expect(await a.store.read('room:x', a.settings, { last: 9 })).toEqual(part)
    expect(await a.store.read('room:x', a.settings, { since: 0, limit: 9 })).toEqual(part)
  })
})

test('in a Redis Cluster, histories on all servers keep their broadcasts in order, and clients can recover them', async () => {
  const cluster = await startRedisCluster()
  const [a, b] = await following(2, { urls: cluster.urls.slice(0, 1) })
  const topics = numbers(1, 6).map((n) => `room:${n}`)
  await Promise.all(topics.map((topic) => b.follow(topic)))
  const outcomes = await Promise.all(
    topics.flatMap((topic) => numbers(1, 50).map((n) => a.append(n, null, { topic }))),
  )
  expect(outcomes.every(({ outcome }) => outcome === 'kept')).toBe(true)
  await until(() => b.heard.length === 300)
  for (const topic of topics) {
    const { epoch = '' } = (await b.recover({ last: 50 }, topic)) ?? {}
    expect(await b.replay({ epoch, seq: 0 }, topic)).toEqual(numbers(1, 50))
  }
})

test('without the permission +info, the start reports it and nothing is kept', async () => {
  const server = await startRedis()
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-info')
  const node = await HistoryNode.start({
    url: server.url.replace('//', '//app:secret@'),
    prefix: ownPrefix(),
  })
  expect([node.engine.fault, node.lines]).toEqual(['NOPERM', ['warn: redis refused a command']])
  expect(await node.append(1)).toEqual({ outcome: 'unknown' })
})
