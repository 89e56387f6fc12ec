import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient, createCluster, createSentinel } from 'redis'
import { expect, onTestFinished, test } from 'vitest'
import { topologyOf } from '../../../server/redis/connect.ts'
import { RedisEngine } from '../../../server/redis/redis-engine.ts'
import { PresenceNode } from '../../helpers/presence-node.ts'
import { findRedis, freePort, RedisServer, redisUrl, startRedis } from '../../helpers/redis.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

test('uses the user and password of the URL, and needs only the permissions listed in the guide', async () => {
  const server = await startRedis()
  const rights = ['~phx:*', '&phx:*', '+@all', '-@dangerous']
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>s/cret', ...rights)
  await server.cli('ACL', 'SETUSER', 'default', 'off')
  const options = { url: server.url.replace('//', '//app:s%2Fcret@'), prefix: 'phx' }
  const connection = await TestConnection.open(options)
  await connection.listen(connection.keys.topic('room:a'))
  expect(await connection.publish(connection.keys.topic('room:a'), Buffer.of(1))).toBe(1)
  expect(await connection.command('phx:x', ['ACL', 'WHOAMI'])).toBe('app')
  const [a, b] = [await PresenceNode.start(options), await PresenceNode.start(options)]
  const [ann, bob] = [await a.join('ann'), await b.join('bob')]
  await until(() => 'bob' in ann.view)
  expect(ann.view).toEqual(bob.view)
  expect(await a.endpoint.engine.claim('tick', 60_000)).toMatchObject({ scope: 'cluster' })
  expect(await a.endpoint.memberCount('room:a')).toBe(2)
})

test('a wrong password is logged, and the engine is not up', async () => {
  const server = await startRedis('--requirepass', 'secret')
  const connection = new TestConnection({ url: server.url.replace('//', '//:wrong@') })
  connection.begin()
  await connection.listen('a')
  expect(connection.state).toBe('connecting')
  expect(String(connection.errors)).toMatch(/WRONGPASS/)
})

test('can connect with TLS', async () => {
  const server = new RedisServer(await findRedis(process.env), await freePort())
  onTestFinished(() => server.remove())
  const folder = await server.folder()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...names])
  const port = await freePort()
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert]
  const tls = new RedisServer(await findRedis(process.env), await freePort(), [
    ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
    ...files,
  ])
  onTestFinished(() => tls.remove())
  await tls.start()
  const url = `rediss://localhost:${port}`
  const trusting = createClient({ url, socket: { tls: true, ca: await readFile(cert) } })
  const connection = await TestConnection.open({ client: trusting })
  expect(await connection.command('k', ['PING'])).toBe('PONG')
  const distrusting = new TestConnection({ url })
  distrusting.begin()
  await distrusting.listen('a')
  expect(String(distrusting.errors)).toMatch(/self-signed certificate/)
})

test('copies a given client with its options', async () => {
  const server = await startRedis('--requirepass', 'secret')
  const client = createClient({
    url: server.url,
    password: 'secret',
    database: 3,
    RESP: 2,
    keyPrefix: 'x:',
    socket: { reconnectStrategy: 10_000 },
  })
  const connection = await TestConnection.open({ client })
  expect(client.isOpen).toBe(false)
  await connection.listen('a')
  expect(await connection.publish('a', Buffer.of(1))).toBe(1)
  await connection.command('k', ['HSET', 'k', 'a', '1'])
  expect(await connection.command('k', ['HGETALL', 'k'])).toEqual(['a', '1'])
  await client.connect()
  onTestFinished(() => client.destroy())
  expect(await client.sendCommand(['KEYS', '*'])).toEqual(['k'])
  await connection.stop()
  expect(await client.ping()).toBe('PONG')
})

test('copies a given cluster client', async () => {
  const { urls } = await startRedisCluster()
  const client = createCluster({ rootNodes: [{ url: urls[0] ?? '' }], defaults: { name: 'mine' } })
  const connection = await TestConnection.open({ client })
  expect(client.isOpen).toBe(false)
  const channels = ['a', 'b', 'c', 'd'].map((topic) => connection.keys.topic(topic))
  await connection.listen(...channels)
  for (const channel of channels) expect(await connection.publish(channel, Buffer.of(1))).toBe(1)
  expect(await connection.command('k', ['CLIENT', 'GETNAME'])).toBe('mine')
})

test('rejects options that contradict each other', async () => {
  const url = await redisUrl()
  const sentinel = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })
  const ioredis = { options: {}, status: 'wait', duplicate() {}, sendCommand() {}, ssubscribe() {} }
  const refused: [object, RegExp][] = [
    [{ url: 'http://127.0.0.1' }, /`url` must be a Redis URL/],
    [{ url: 'nonsense' }, /`url` must be a Redis URL/],
    [{ urls: [url, 'nonsense'] }, /`urls\[1\]` must be a Redis URL/],
    [{ url, sentinels: ['nonsense'] }, /`sentinels\[0\]` must be a Redis URL/],
    [{ url, urls: [url] }, /`client`, `urls` and `url` exclude each other/],
    [{ client: createClient(), url }, /`client`, `urls` and `url` exclude each other/],
    [{ urls: [] }, /`urls` must list at least one URL \(got an empty array\)/],
    [{ sentinels: [url] }, /`sentinels` requires a `url`/],
    [{ url, sentinels: [] }, /`sentinels` must list at least one URL/],
    [{ client: sentinel }, /`client` must be a client made by createClient or createCluster .*Sentinel/],
    [{ client: ioredis }, /got a client of ioredis; set `url`, or `urls`/],
    [{ client: {} }, /`client` must be a client made by createClient or createCluster/],
  ]
  for (const [options, message] of refused) expect(() => new RedisEngine(options)).toThrow(message)
  expect(topologyOf({}).isSharded).toBe(false)
  expect(topologyOf({ urls: [url] }).isSharded).toBe(true)
})
