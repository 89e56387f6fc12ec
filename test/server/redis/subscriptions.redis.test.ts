import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startClock } from '../../helpers/clock.ts'
import { turn } from '../../helpers/deferred.ts'
import { type RedisServer, redisUrl, startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const ignore = () => {}

/** How often Redis has run a command. */
async function calls(server: RedisServer, command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

/** The channels that somebody subscribes to. */
async function channels(server: RedisServer): Promise<string[]> {
  return (await server.cli('PUBSUB', 'CHANNELS')).split('\n').filter(Boolean).sort()
}

async function untilChannels(server: RedisServer, ...expected: string[]): Promise<void> {
  let last: string[] = []
  for (let tries = 0; tries < 200; tries++) {
    last = await channels(server)
    if (last.join() === expected.join()) return
  }
  expect(last).toEqual(expected)
}

test('all changes of one turn are sent in one command', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url, linger: 0 })
  const names = Array.from({ length: 500 }, (_, n) => `c${n}`)
  await connection.listen(...names)
  expect([await calls(server, 'subscribe'), (await channels(server)).length]).toEqual([1, 500])
  for (const name of names) connection.subscriptions.unsubscribe(name)
  await untilChannels(server)
  expect(await calls(server, 'unsubscribe')).toBe(1)
})

test('a channel that is left during SUBSCRIBE is unsubscribed from', async () => {
  const server = await startRedis()
  const { subscriptions } = await TestConnection.open({ url: server.url, linger: 0 })
  server.pause()
  const standing = subscriptions.subscribe('c', ignore)
  await turn()
  subscriptions.unsubscribe('c')
  // Nobody waits for it any more.
  await standing
  server.resume()
  await until(() => subscriptions.subscribe('witness', ignore) === undefined)
  await untilChannels(server, 'witness')
  expect(await calls(server, 'unsubscribe')).toBe(1)
})

test('a channel that is joined during UNSUBSCRIBE is subscribed to again', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url, linger: 0 })
  const { subscriptions } = connection
  const heard: string[] = []
  await subscriptions.subscribe('c', ignore)
  server.pause()
  subscriptions.unsubscribe('c')
  // Beyond the linger of 0 ms, and the turn after it.
  await new Promise((resolve) => setTimeout(resolve, 20))
  const standing = subscriptions.subscribe('c', (message) => heard.push(message.toString()))
  expect(standing).toBeInstanceOf(Promise)
  server.resume()
  await standing
  expect([await calls(server, 'unsubscribe'), await calls(server, 'subscribe')]).toEqual([1, 2])
  await connection.publish('c', Buffer.from('hi'))
  await until(() => heard.length === 1)
})

test('a channel that is joined again while it lingers is live at once, without a command', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url })
  const heard: string[] = []
  await connection.subscriptions.subscribe('c', () => heard.push('first'))
  connection.subscriptions.unsubscribe('c')
  expect(await connection.publish('c', Buffer.of(1))).toBe(1)
  expect(connection.subscriptions.subscribe('c', () => heard.push('second'))).toBeUndefined()
  await connection.publish('c', Buffer.of(2))
  await until(() => heard.length > 0)
  expect(heard).toEqual(['second'])
  expect([await calls(server, 'subscribe'), await calls(server, 'unsubscribe')]).toEqual([1, 0])
})

test('subscribe resolves after subscribeTimeout; if the channel is live later, a gap is reported', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url, subscribeTimeout: 100 })
  const { subscriptions } = connection
  const gaps: string[] = []
  subscriptions.onGap((missed) => gaps.push(...missed))
  server.pause()
  const asked = performance.now()
  await connection.listen('a', 'b')
  expect(performance.now() - asked).toBeGreaterThanOrEqual(99)
  subscriptions.unsubscribe('b')
  expect(gaps).toEqual([])
  server.resume()
  await until(() => gaps.length > 0)
  expect(gaps).toEqual(['a'])
})

test('while Redis is unavailable, subscribe does not wait; all channels are subscribed to when it is back', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url })
  const { subscriptions } = connection
  const gaps: string[] = []
  subscriptions.onGap((missed) => gaps.push(...missed))
  await connection.listen('a', 'b', 'left')
  subscriptions.unsubscribe('left')
  await server.kill()
  await connection.is('down')
  expect(subscriptions.subscribe('new', ignore)).toBeUndefined()
  expect(subscriptions.subscribe('gone', ignore)).toBeUndefined()
  subscriptions.unsubscribe('gone')
  subscriptions.unsubscribe('b')
  await server.start()
  await connection.is('up')
  expect(await channels(server)).toEqual(['a', 'new'])
  expect(gaps.sort()).toEqual(['a', 'new'])
})

test('a waiting subscribe resolves when the connection breaks', async () => {
  const server = await startRedis()
  const { subscriptions } = await TestConnection.open({ url: server.url, subscribeTimeout: 60_000 })
  server.pause()
  const standing = subscriptions.subscribe('a', ignore)
  await turn()
  await server.kill()
  await standing
})

test('a connection closed for a full output buffer is a gap', async () => {
  const server = await startRedis('--client-output-buffer-limit', 'pubsub 200kb 0 0')
  const connection = await TestConnection.open({ url: server.url })
  const gaps: string[] = []
  connection.subscriptions.onGap((missed) => gaps.push(...missed))
  const heard: number[] = []
  await connection.subscriptions.subscribe('a', (message) => heard.push(message.length))
  await connection.publish('a', Buffer.alloc(400_000))
  await until(() => gaps.length > 0)
  await connection.is('up')
  await connection.publish('a', Buffer.alloc(1))
  await until(() => heard.length > 0)
  expect([gaps, heard]).toEqual([['a'], [1]])
})

test('a listener that throws is logged, and the connection stays open', async () => {
  const connection = await TestConnection.open({ url: await redisUrl() })
  const { keys, subscriptions } = connection
  const heard: number[] = []
  await subscriptions.subscribe(keys.topic('a'), (message) => {
    heard.push(message.length)
    if (message.length === 1) throw new Error('cannot read this')
  })
  await connection.publish(keys.topic('a'), Buffer.alloc(1))
  await connection.publish(keys.topic('a'), Buffer.alloc(2))
  await until(() => heard.length === 2)
  expect(connection.lines).toEqual(['warn: failed to handle a message of another node'])
  expect(connection.errors).toEqual([new Error('cannot read this')])
})

test('without permission for a channel the engine is not up, and the reason is logged', async () => {
  const server = await startRedis()
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', 'resetchannels', '&mine:*')
  const url = server.url.replace('//', '//app:secret@')
  const connection = await TestConnection.open({ url })
  await connection.subscriptions.subscribe('mine:a', ignore)
  await connection.subscriptions.subscribe('yours', ignore)
  await connection.is('down')
  expect(String(connection.errors[0])).toMatch(/NOPERM/)
  connection.subscriptions.unsubscribe('yours')
  await connection.is('up')
})

test('the engine is not up without a connection for subscriptions, even if Redis refused a channel before', async () => {
  const server = await startRedis()
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', 'resetchannels', '&mine:*')
  const connection = await TestConnection.open({ url: server.url.replace('//', '//app:secret@') })
  await connection.subscriptions.subscribe('mine:a', ignore)
  await connection.subscriptions.subscribe('yours', ignore)
  await connection.is('down')
  // Redis accepts no further connection, and closes the one for subscriptions.
  await connection.command('', ['CONFIG', 'SET', 'maxclients', '1'])
  await connection.command('', ['CLIENT', 'KILL', 'TYPE', 'pubsub'])
  // Beyond the second after which a refused channel is subscribed to again.
  await delay(1_500)
  expect([connection.canSend, connection.changes]).toEqual([true, [true, false]])
  connection.subscriptions.unsubscribe('yours')
  await connection.command('', ['CONFIG', 'SET', 'maxclients', '100'])
  await connection.is('up')
})

test('10,000 channels in one turn are live within seconds', async () => {
  const server = await startRedis()
  const connection = await TestConnection.open({ url: server.url, subscribeTimeout: 60_000 })
  const names = Array.from({ length: 10_000 }, (_, n) => `phx:{topic:user:${n}}`)
  const begun = startClock()
  await connection.listen(...names)
  // A quiet machine needs a fifth of a second.
  expect(begun()).toBeLessThan(5_000)
  expect((await channels(server)).length).toBe(10_000)
  expect(await calls(server, 'subscribe')).toBe(1)
})
