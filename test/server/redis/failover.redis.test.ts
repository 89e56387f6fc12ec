import { describe, expect, onTestFinished, test } from 'vitest'
import { findRedis, ownPrefix, RedisServer, startRedis } from '../../helpers/redis.ts'
import { serverOf, startRedisCluster } from '../../helpers/redis-cluster.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { failOver, startRedisPair, untilRole } from '../../helpers/redis-failover.ts'
import { RedisNode } from '../../helpers/redis-node.ts'
import { until } from '../../helpers/until.ts'

const AWAY = 'warn: redis connection lost: this node reaches only its own clients until it is restored'
const BACK = 'info: redis connection restored: this node reaches the other nodes again'

/** Each key takes 100 microseconds, and clients are answered after every 1,024. */
const SLOW_TO_LOAD = ['--key-load-delay', '100']

/** Give a server what it takes seconds to load. */
async function fill(server: RedisServer, key: string): Promise<void> {
  await server.cli('EVAL', 'for n = 1, 30000 do redis.call("SET", KEYS[1], n) end', '1', key)
}

/** A user without some rights; its name and password for a URL. */
async function withoutRights(server: { cli(...args: string[]): Promise<string> }, ...rights: string[]) {
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', ...rights)
  return (url: string) => url.replace('//', '//app:secret@')
}

describe('a master that becomes a replica while connections to it stay open', () => {
  test('is left by all nodes, which reconnect to the new master', async () => {
    const pair = await startRedisPair()
    const options = { url: pair.name.url, prefix: ownPrefix() }
    const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
    const listener = await b.listen('room:a')
    expect(await a.say('room:a', 1)).toBe(true)
    await listener.has(1)

    await failOver(pair)
    // It has no connection to the old one.
    const late = await RedisNode.start(options)
    await Promise.all([a, b].map((node) => until(() => node.lines.includes(BACK))))

    expect(await a.say('room:a', 2)).toBe(true)
    expect(await late.say('room:a', 3)).toBe(true)
    await listener.has(1, 2, 3)
    for (const node of [a, b]) {
      expect(node.lines).toEqual([AWAY, BACK])
      expect(String(node.errors[0])).toMatch(/this Redis server cannot be used: READONLY/)
    }
  })

  test('is left at the first READONLY by commands and subscriptions, with a gap', async () => {
    const pair = await startRedisPair()
    const connection = await TestConnection.open({ url: pair.name.url })
    const gaps: string[] = []
    connection.subscriptions.onGap((missed) => gaps.push(...missed))
    await connection.listen('a')

    await failOver(pair)
    expect([connection.state, connection.fault]).toEqual(['up', null])
    await expect(connection.command('k', ['SET', 'k', '1'])).rejects.toThrow(/READONLY/)
    expect([connection.state, connection.fault]).toEqual(['down', 'READONLY'])
    await connection.is('up')

    expect([gaps, connection.changes, connection.fault]).toEqual([['a'], [true, false, true], null])
    expect(await pair.primary.cli('PUBSUB', 'CHANNELS')).toBe('')
    expect(await pair.replica.cli('PUBSUB', 'CHANNELS')).toBe('a')
  })

  test('does not count as up before its name resolves to another server', async () => {
    const { primary, replica, name } = await startRedisPair()
    const connection = await TestConnection.open({ url: name.url })
    await replica.cli('REPLICAOF', 'NO', 'ONE')
    await primary.cli('REPLICAOF', '127.0.0.1', String(replica.port))
    await untilRole(primary, 'slave')
    await expect(connection.command('k', ['SET', 'k', '1'])).rejects.toThrow(/READONLY/)
    // Several attempts, whose pauses grow.
    const attempts = async () =>
      Number(/total_connections_received:(\d+)/.exec(await primary.cli('INFO', 'stats'))?.[1])
    const before = await attempts()
    for (let now = before; now < before + 20; ) now = await attempts()
    expect(connection.changes).toEqual([true, false])
    name.leadTo(replica)
    await connection.is('up')
    expect(connection.lines).toEqual([AWAY, BACK])
  })

  test('is detected without permission for ROLE', async () => {
    const pair = await startRedisPair()
    for (const server of [pair.primary, pair.replica]) await withoutRights(server, '-role')
    const connection = await TestConnection.open({ url: pair.name.url.replace('//', '//app:secret@') })
    await failOver(pair)
    await until(() => connection.lines.includes(BACK))
    expect(connection.lines).toEqual([AWAY, BACK])
  })

  test('is detected by its role where replicas accept writes', async () => {
    const pair = await startRedisPair('--replica-read-only', 'no')
    const connection = await TestConnection.open({ url: pair.name.url })
    await failOver(pair)
    await until(() => connection.lines.includes(BACK))
    expect(String(connection.errors[0])).toMatch(
      /this Redis server cannot be used: its role is "slave", not "master"/,
    )
  })
})

test('a server that loads its data is not up', async () => {
  const server = await startRedis(...SLOW_TO_LOAD)
  await fill(server, 'k')
  const connection = await TestConnection.open({ url: server.url })
  await server.kill()
  await connection.is('down')
  const started = server.start()
  await until(() => connection.fault === 'LOADING')
  expect(connection.state).toBe('down')
  await started
  await connection.is('up')
  expect([connection.changes, connection.fault]).toEqual([[true, false, true], null])
  expect(connection.lines).toEqual([AWAY, BACK])
})

test('a cluster whose server loads its data is not up', async () => {
  const cluster = await startRedisCluster({ args: SLOW_TO_LOAD })
  const server = await serverOf(cluster, '{a}')
  await fill(server, '{a}')
  const connection = await TestConnection.open({ urls: cluster.urls })
  await server.kill()
  await connection.is('down')
  const started = server.start()
  await until(() => connection.fault === 'LOADING')
  expect(connection.state).toBe('down')
  await started
  await connection.is('up')
  expect([connection.changes, connection.fault]).toEqual([[true, false, true], null])
})

describe('an error reply', () => {
  test('is logged once, is the fault as long as it lasts, and closes no connection', async () => {
    const server = await startRedis()
    const as = await withoutRights(server, '-ping', '-role', '-set')
    const connection = await TestConnection.open({ url: as(server.url) })
    const set = () => connection.command('k', ['SET', 'k', '1'])
    for (let n = 0; n < 3; n++) await expect(set()).rejects.toThrow(/NOPERM/)
    expect(await connection.command('k', ['GET', 'k'])).toBeNull()
    expect([connection.state, connection.fault]).toEqual(['up', 'NOPERM'])
    expect(connection.lines).toEqual(['warn: redis refused a command'])
    await withoutRights(server)
    expect(await set()).toBe('OK')
    expect([connection.fault, connection.changes]).toEqual([null, [true]])
  })

  test('while connecting is logged, even if the server was unavailable before', async () => {
    const server = await startRedis()
    const connection = await TestConnection.open({ url: server.url })
    await server.kill()
    await connection.is('down')
    const locked = new RedisServer(await findRedis(process.env), server.port, ['--requirepass', 'new'])
    onTestFinished(() => locked.remove())
    await locked.start()
    await until(() => connection.fault !== null)
    expect([connection.state, connection.fault]).toEqual(['down', 'NOAUTH'])
    expect(connection.lines).toEqual([AWAY, 'warn: redis refused the connection or a subscription'])
  })

  test('to a subscribe is retried over the same connection, while other subscriptions work', async () => {
    const server = await startRedis()
    await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', 'resetchannels', '&mine:*')
    const connection = await TestConnection.open({ url: server.url.replace('//', '//app:secret@') })
    await connection.listen('mine:a')
    await connection.listen('yours')
    const ids = async () => (await server.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')).match(/\bid=\d+/g)
    const before = await ids()
    expect([connection.state, connection.fault]).toEqual(['down', 'NOPERM'])
    expect(await server.cli('PUBSUB', 'CHANNELS')).toBe('mine:a')
    await server.cli('ACL', 'SETUSER', 'app', '&yours')
    await connection.is('up')
    expect([await ids(), connection.fault]).toEqual([before, null])
    expect(connection.lines).toEqual([AWAY, BACK])
  })
})
