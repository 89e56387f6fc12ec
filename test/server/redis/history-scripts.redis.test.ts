import { beforeEach, describe, expect, it, test } from 'vitest'
import { APPEND, READ } from '../../../server/redis/history-scripts.ts'
import { redisUrl, startRedis } from '../../helpers/redis.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const TTL = 60_000
const KEPT = {
  size: 100,
  ttl: TTL,
  max: 1_000_000,
  key: '',
  digest: 'd1',
  keyTtl: TTL,
  durable: '0',
  run: '',
  /** Null = the epoch of the message before, if epochs are remembered. */
  epoch: null as string | null,
}
const LOOKED = {
  mode: 'follow',
  direction: 'after',
  epoch: '',
  place: '',
  count: 0,
  ttl: TTL,
  durable: '0',
  run: '',
}

let connection: TestConnection
let log: string
let heard: string[]
/** Whether `append` says which epoch the topic had; and that epoch. */
let isRemembering = false
let remembered: string
beforeEach(async () => begin({ url: await redisUrl() }))

async function begin(options: { url: string } | { urls: readonly string[] }): Promise<void> {
  connection = await TestConnection.open(options)
  log = connection.keys.ofTopic('room:a', 'log')
  heard = []
  remembered = ''
  await connection.subscriptions.subscribe(log, (message) => heard.push(message.toString()))
}

/** Keep a message; its epoch and place. */
async function append(message: string, options: Partial<typeof KEPT> = {}): Promise<[string, number]> {
  const { size, ttl, max, key, digest, keyTtl, durable, run, ...rest } = { ...KEPT, ...options }
  const hint = rest.epoch ?? (isRemembering ? remembered : '')
  const own = [log, connection.keys.ofTopic('room:a', 'bytes')]
  const keys = key === '' ? own : [...own, connection.keys.ofTopic('room:a', 'key', key)]
  const publish = [connection.publishCommand, log]
  const args = [run, durable, hint, size, ttl, ...publish, max, message.length, message, keyTtl, digest]
  const id = String(await connection.script(APPEND, keys, args.map(String)))
  const [epoch = '', seq] = id.split('-')
  remembered = epoch
  return [epoch, Number(seq)]
}

/** Read the stream: `[epoch, head, low, hasEarlier, messages]`. */
async function read(options: Partial<typeof LOOKED> = {}) {
  const { run, durable, ttl, mode, direction, epoch, place, count } = { ...LOOKED, ...options }
  const args = [run, durable, ttl, mode, direction, epoch, place, count].map(String)
  const reply = await connection.script(READ, [log], args)
  const [of, head, low, hasEarlier, , entries]: unknown[] = Array.isArray(reply) ? reply : []
  const rows = Array.isArray(entries) ? entries : []
  return {
    epoch: of,
    head,
    low,
    hasEarlier,
    messages: rows.map(([id, fields]) => [id.split('-')[1], fields[1]]),
  }
}

const command = (...args: string[]) => connection.command(log, args)
const life = async () => Number(await command('PTTL', log))
const ids = async () => {
  const entries = await command('XRANGE', log, '-', '+')
  return (Array.isArray(entries) ? entries : []).map(([id]) => String(id))
}

describe.each([false, true])('APPEND, epochs remembered: %s', (isRemembered) => {
  beforeEach(() => {
    isRemembering = isRemembered
  })

  it('assigns consecutive sequence numbers in one epoch, and publishes each message with its number and time', async () => {
    const before = Date.now()
    const [[epoch, first], second] = [await append('one'), await append('two')]
    expect([first, second]).toEqual([1, [epoch, 2]])
    expect(epoch).toMatch(/^\d{19}$/)
    expect(Number(epoch.slice(0, 13))).toBeGreaterThan(before - 1_000)
    await until(() => heard.length === 2)
    expect(heard.map((message) => message.replace(/ \d{13} /, ' time '))).toEqual([
      `${epoch}-1 time one`,
      `${epoch}-2 time two`,
    ])
    expect(await life()).toBeGreaterThan(TTL - 1_000)
  })

  it('puts the digits of the Redis process into the epoch, whether given or asked for', async () => {
    const [, id = ''] = /run_id:(\w{12})/.exec(String(await command('INFO', 'server'))) ?? []
    const digits = String(Number.parseInt(id, 16) % 1_000_000).padStart(6, '0')
    const [asked] = await append('one')
    expect(asked.slice(13)).toBe(digits)
    expect(await append('two', { run: digits })).toEqual([asked, 2])
  })

  it('begins an epoch when the same process was a replica meanwhile', async () => {
    await begin({ url: (await startRedis()).url })
    const [first] = await append('one')
    await command('REPLICAOF', '127.0.0.1', '1')
    await command('REPLICAOF', 'NO', 'ONE')
    expect(await append('two')).toEqual([expect.not.stringMatching(first), 1])
  })

  it('begins a greater epoch in another process, also when its clock went back, and keeps the entries', async () => {
    const [first] = await append('one', { run: '000001' })
    const [second, seq] = await append('two', { run: '000002' })
    expect([second.slice(13), seq]).toEqual(['000002', 1])
    expect(BigInt(second)).toBeGreaterThan(BigInt(first))
    expect(await ids()).toEqual([`${first}-1`, `${second}-1`])
    const future = '9999999999999000002'
    await command('XSETID', log, `${future}-5`)
    const [third] = await append('three', { run: '000003' })
    expect(third).toBe('10000000000000000003')
  })

  it('continues in another Redis process if Redis is durable', async () => {
    const [epoch] = await append('one', { run: '000001', durable: '1' })
    expect(await append('two', { run: '000002', durable: '1' })).toEqual([epoch, 2])
  })

  it('continues an epoch that was started without an entry, in the same Redis process', async () => {
    await append('one', { run: '000001' })
    await read({ run: '000002' })
    const { epoch } = await read({ run: '000001' })
    expect(await append('two', { run: '000001' })).toEqual([epoch, 1])
  })

  it('keeps at least `size` messages, and few more', async () => {
    for (let n = 1; n <= 350; n++) await append(String(n), { size: 100 })
    const kept = await ids()
    expect(kept.length).toBeGreaterThanOrEqual(100)
    expect(kept.length).toBeLessThanOrEqual(200)
    expect(kept.at(-1)).toMatch(/-350$/)
  })

  it('removes the oldest messages above the maximum of bytes, but never the new one', async () => {
    for (let n = 1; n <= 40; n++) await append(String(n).padStart(100, '.'), { max: 1_600 })
    const kept = await ids()
    expect(kept.length).toBeLessThanOrEqual(16)
    expect(kept.length).toBeGreaterThanOrEqual(15)
    const [epoch] = await append('x'.repeat(1_600), { max: 1_600 })
    expect(await ids()).toEqual([`${epoch}-41`])
  })

  it('removes only as many messages as exceed the maximum of bytes (RECOVERY-1)', async () => {
    const options = { max: 100_000, size: 10_000 }
    await append('x'.repeat(50_000), options)
    for (let n = 0; n < 900; n += 100) {
      await Promise.all(Array.from({ length: 100 }, () => append('x'.repeat(30), options)))
    }
    await append('x'.repeat(22_000), options)
    expect((await ids()).length).toBe(902)
    await append('x'.repeat(30_000), options)
    const kept = await ids()
    expect([kept.length, kept[0]]).toEqual([902, expect.stringMatching(/-2$/)])
    await append('x'.repeat(60_000), options)
    expect((await ids()).map((id) => id.split('-')[1])).toEqual(['903', '904'])
  })

  it('keeps up with many small messages', async () => {
    const options = { max: 60_000, size: 100_000 }
    for (let n = 0; n < 3_000; n += 100) {
      await Promise.all(Array.from({ length: 100 }, () => append('x'.repeat(100), options)))
    }
    const kept = (await ids()).length
    expect(kept).toBeLessThanOrEqual(600)
    expect(kept).toBeGreaterThanOrEqual(562)
  })

  it('never exceeds the maximum of bytes, whatever the sizes of messages are', async () => {
    let sizes: number[] = []
    for (let n = 0; n < 200; n++) {
      const size = 1 + ((n * 7_919) % 997)
      sizes.push(size)
      await append('x'.repeat(size), { max: 5_000, size: 1_000 })
      sizes = sizes.slice(-(await ids()).length)
      expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(5_000)
    }
  })

  it('keeps a message once under a key, even if two nodes repeat it at the same time', async () => {
    const options = { key: 'k1' }
    const outcomes = await Promise.all([1, 2, 3].map(() => append('one', options)))
    expect(new Set(outcomes.map(String)).size).toBe(1)
    expect([outcomes[0]?.[1], (await ids()).length]).toEqual([1, 1])
    await append('two')
    await until(() => heard.length === 2)
    expect(await append('other', { ...options, digest: 'd2' })).toEqual(['', Number.NaN])
    expect((await ids()).length).toBe(2)
  })

  it('forgets a key after its lifetime', async () => {
    await append('one', { key: 'k1', keyTtl: 1 })
    await expect.poll(() => command('EXISTS', connection.keys.ofTopic('room:a', 'key', 'k1'))).toBe(0)
    expect((await append('one', { key: 'k1' }))[1]).toBe(2)
  })

  it('knows a key of an earlier epoch as long as its message is kept (RECOVERY-13)', async () => {
    const first = await append('one', { key: 'k1' })
    const next = { key: 'k1', run: '000009' }
    expect(await append('one', next)).toEqual(first)
    await append('two', { run: '000009' })
    expect(await append('one', next)).toEqual(first)
    expect(await append('other', { ...next, digest: 'd2' })).toEqual(['', Number.NaN])
    expect((await ids()).length).toBe(2)

    await command('XDEL', log, first.join('-'))
    const [epoch, seq] = await append('one', next)
    expect([epoch.slice(-6), seq]).toEqual(['000009', 2])
  })

  it('starts an epoch greater than a given one that the stream does not know', async () => {
    await append('one')
    const future = '9000000000000'
    for (const digits of ['', '000001']) {
      const run = digits === '' ? remembered.slice(13) : digits
      const told = future + run
      const [epoch, seq] = await append('two', { run, epoch: told })
      expect([epoch.length, seq, (await ids()).at(-1)]).toEqual([19, 1, `${epoch}-1`])
      if (digits === '') expect(epoch).toBe(`9000000000001${run}`)
    }
  })

  it('continues the present epoch if the given one is older', async () => {
    const [old] = await append('one', { run: '000001' })
    const [epoch] = await append('two', { run: '000002' })
    expect(await append('three', { run: '000002', epoch: old })).toEqual([epoch, 2])
    expect(await append('four', { run: '000002', epoch: `${old.slice(0, 13)}000002` })).toEqual([epoch, 3])
  })
})

describe('READ', () => {
  it('starts an epoch for a minute, in which the first message has the sequence number 1', async () => {
    const { epoch, head, low } = await read({ ttl: 3_600_000 })
    expect([head, low]).toEqual([0, 1])
    expect(await life()).toBeLessThanOrEqual(60_000)
    expect(await read()).toMatchObject({ epoch, head: 0 })
    expect(await append('one')).toEqual([epoch, 1])
    await command('PEXPIRE', log, '1000')
    await read()
    expect(await life()).toBeGreaterThan(TTL - 1_000)
  })

  it('returns the messages after a sequence number, in pages, and the lowest sequence number', async () => {
    for (let n = 1; n <= 5; n++) await append(String(n))
    const { epoch } = await read()
    const after = { epoch: String(epoch), place: `${epoch}-2` }
    expect(await read({ ...after, count: 2 })).toEqual({
      epoch,
      head: 5,
      low: 1,
      hasEarlier: 0,
      messages: [
        ['3', '3'],
        ['4', '4'],
      ],
    })
    await command('XTRIM', log, 'MAXLEN', '2')
    expect(await read({ place: '0', count: 9 })).toMatchObject({
      low: 4,
      messages: [
        ['4', '4'],
        ['5', '5'],
      ],
    })
    expect(await read({ ...after, epoch: '123', count: 9 })).toMatchObject({ head: 5, messages: [] })
  })

  it('returns the latest messages, and those before a sequence number', async () => {
    for (let n = 1; n <= 4; n++) await append(String(n))
    expect((await read({ direction: 'before', count: 2 })).messages).toEqual([
      ['4', '4'],
      ['3', '3'],
    ])
    expect((await read({ direction: 'before', place: '3', count: 9 })).messages).toEqual([
      ['2', '2'],
      ['1', '1'],
    ])
  })

  it('starts a new epoch in another Redis process, and keeps earlier entries readable', async () => {
    const [old] = await append('one', { run: '000001' })
    const found = await read({ run: '000002', direction: 'before', count: 9 })
    expect(found).toMatchObject({ head: 0, low: 1, hasEarlier: 1, messages: [['1', 'one']] })
    expect(found.epoch).not.toBe(old)
    expect(await append('two', { run: '000002' })).toEqual([found.epoch, 1])
    expect(await read({ run: '000002' })).toMatchObject({ head: 1, low: 1, hasEarlier: 1 })
  })

  it('removes entries that are too old', async () => {
    const [epoch] = await append('1')
    for (const [seq, age] of [
      [2, 5_000],
      [3, 0],
    ]) {
      const time = String(Date.now() - Number(age))
      await command('XADD', log, `${epoch}-${seq}`, 'm', String(seq), 't', time, 'b', '0')
    }
    await command('XDEL', log, `${epoch}-1`)
    expect(await read({ ttl: 4_000, place: '0', count: 9 })).toMatchObject({ low: 3, messages: [['3', '3']] })
    expect(await ids()).toEqual([`${epoch}-3`])
  })

  it('changes nothing if it only reads', async () => {
    expect(await read({ mode: 'look', direction: 'before', count: 9 })).toMatchObject({ epoch: '0', head: 0 })
    expect(await command('EXISTS', log)).toBe(0)
    await append('one', { run: '000001', ttl: 10_000 })
    const look = { run: '000002', mode: 'look', direction: 'before', count: 9 }
    expect(await read(look)).toMatchObject({
      epoch: '0',
      head: 0,
      low: 1,
      hasEarlier: 1,
      messages: [['1', 'one']],
    })
    expect(await life()).toBeLessThanOrEqual(10_000)
  })
})

test('both work in a Redis Cluster, and ask the right server for its process', async () => {
  const cluster = await startRedisCluster()
  await begin({ urls: cluster.urls.slice(0, 1) })
  const { epoch } = await read()
  expect(await append('one')).toEqual([epoch, 1])
  await until(() => heard.length === 1)
})

test('a full server refuses a message, and assigns no sequence number', async () => {
  const server = await startRedis()
  await begin({ url: server.url })
  const [epoch] = await append('one')
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  await expect(append('two')).rejects.toThrow(/OOM/)
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  expect(await append('three')).toEqual([epoch, 2])
})
