import { expect, test } from 'vitest'
import { EngineError } from '../../../server/errors.ts'
import { RedisScript } from '../../../server/redis/script.ts'
import { startClock } from '../../helpers/clock.ts'
import { findRedis, freePort, RedisServer, redisUrl, startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const AWAY = 'warn: redis connection lost: this node reaches only its own clients until it is restored'
const BACK = 'info: redis connection restored: this node reaches the other nodes again'

test('runs commands; a map is a flat array, and strings are Buffers on request', async () => {
  const connection = await TestConnection.open({ url: await redisUrl() })
  const [key, hash] = [connection.keys.of('k'), connection.keys.of('h')]
  expect(await connection.command(key, ['SET', key, Buffer.of(0, 255)])).toBe('OK')
  expect(await connection.command(key, ['GET', key], 'buffers')).toEqual(Buffer.of(0, 255))
  expect(await connection.command(key, ['GET', connection.keys.of('none')])).toBeNull()
  expect(await connection.command(hash, ['HSET', hash, 'a', '1', 'b', 'ü'])).toBe(2)
  expect(await connection.command(hash, ['HGETALL', hash])).toEqual(['a', '1', 'b', 'ü'])
  const buffers = await connection.command(hash, ['HGETALL', hash], 'buffers')
  expect(buffers).toEqual(['a', '1', 'b', 'ü'].map((text) => Buffer.from(text)))
})

test('runs a script that Redis does not have in its cache', async () => {
  const connection = await TestConnection.open({ url: (await startRedis()).url })
  const script = new RedisScript('return {KEYS[1], KEYS[2], ARGV[1]}')
  const key = connection.keys.of('k')
  const run = () => connection.script(script, [key, key], ['x'])
  expect(await run()).toEqual([key, key, 'x'])
  expect(await connection.command(key, ['SCRIPT', 'EXISTS', script.sha])).toEqual([1])
  await connection.command(key, ['SCRIPT', 'FLUSH'])
  expect(await run()).toEqual([key, key, 'x'])
})

test('rejects with the error reply of Redis, which does not count as an outage', async () => {
  const connection = await TestConnection.open({ url: await redisUrl() })
  await expect(connection.command('k', ['NONSENSE'])).rejects.toThrow(/unknown command/)
  await expect(connection.script(new RedisScript('return x.y'), ['k'], [])).rejects.toThrow(/ERR/)
  expect([connection.state, connection.changes]).toEqual(['up', [true]])
})

test('publishes, and resolves with the number of receivers', async () => {
  const connection = await TestConnection.open({ url: await redisUrl() })
  const channel = connection.keys.topic('room:a')
  expect(await connection.publish(channel, Buffer.of(1))).toBe(0)
  const heard: Buffer[] = []
  await connection.subscriptions.subscribe(channel, (message) => heard.push(message))
  expect(await connection.publish(channel, Buffer.of(0, 255))).toBe(1)
  await until(() => heard.length === 1)
  expect(heard).toEqual([Buffer.of(0, 255)])
})

test('rejects commands at once while Redis is unavailable; logs one line at loss and one at return', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url })
  await server.kill()
  await connection.is('down')
  const sent = startClock()
  await expect(connection.command('k', ['GET', 'k'])).rejects.toThrow(EngineError)
  expect(sent()).toBeLessThan(500)
  await server.start()
  await connection.is('up')
  expect(connection.lines).toEqual([AWAY, BACK])
  expect(connection.changes).toEqual([true, false, true])
  expect(await connection.command('k', ['PING'])).toBe('PONG')
})

test('commands in flight are rejected when the connection breaks', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url })
  server.pause()
  const commands = Promise.allSettled([1, 2, 3].map(() => connection.command('k', ['GET', 'k'])))
  await server.kill()
  for (const result of await commands) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(EngineError) })
  }
})

test('a command without a reply fails after commandTimeout, and all others at once until Redis replies', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url, commandTimeout: 100 })
  server.pause()
  await expect(connection.command('k', ['GET', 'k'])).rejects.toThrow('did not answer within 100 ms')
  expect(connection.state).toBe('down')
  await expect(connection.command('k', ['GET', 'k'])).rejects.toThrow('Redis is not connected')
  server.resume()
  await connection.is('up')
  expect(connection.lines).toEqual([AWAY, BACK])
})

test('starts without Redis, logs that once, and is up as soon as Redis is available', async () => {
  const server = new RedisServer(await findRedis(process.env), await freePort())
  const connection = new TestConnection({ url: server.url })
  const channel = connection.keys.topic('room:a')
  connection.begin()
  const standing = connection.subscriptions.subscribe(channel, () => {})
  expect(standing).toBeInstanceOf(Promise)
  await standing
  expect(connection.subscriptions.subscribe(channel, () => {})).toBeUndefined()
  expect([connection.state, connection.lines]).toEqual(['connecting', [AWAY]])
  await using _server = { [Symbol.asyncDispose]: () => server.remove() }
  await server.start()
  await connection.is('up')
  expect(await server.cli('PUBSUB', 'CHANNELS')).toBe(channel)
  expect([connection.lines, connection.changes]).toEqual([[AWAY, BACK], [true]])
})

test('is up only when all wanted channels are subscribed to', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url })
  const channels = Array.from({ length: 1_000 }, (_, n) => connection.keys.topic(`user:${n}`))
  await connection.listen(...channels)
  const counts: Promise<string>[] = []
  connection.onChange((isUp) => {
    if (isUp) counts.push(server.cli('PUBSUB', 'CHANNELS'))
  })
  await server.restart()
  await connection.is('up')
  expect((await Promise.all(counts)).map((list) => list.split('\n').length)).toEqual([1_000])
})

test('stop waits for sent commands, and leaves no connection', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url })
  const replies = Promise.all([
    connection.command('k', ['INCR', 'k']),
    connection.command('k', ['INCR', 'k']),
  ])
  await connection.stop()
  expect(await replies).toEqual([1, 2])
  const clients = (await server.cli('CLIENT', 'LIST')).split('\n')
  expect(clients).toHaveLength(1)
  await expect(connection.command('k', ['GET', 'k'])).rejects.toThrow(EngineError)
})

test('stop waits at most commandTimeout for a Redis that is silent', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url, commandTimeout: 100 })
  server.pause()
  const replies = Promise.allSettled([connection.command('k', ['GET', 'k'])])
  await connection.stop()
  expect(await replies).toMatchObject([{ reason: expect.any(EngineError) }])
})
