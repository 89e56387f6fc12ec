import { expect, it, onTestFinished } from 'vitest'
import { Membership } from '../../../server/redis/membership.ts'
import { ownPrefix, startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const LEASE = 1_000

/** A node that has its first lease, and what it hears. */
async function setUp(nodeId = 'n') {
  const redis = await startRedis()
  const connection = new TestConnection({ url: redis.url, prefix: ownPrefix() })
  const heard: string[] = []
  const membership = new Membership(connection, LEASE, {
    renewed: () => heard.push(`renewed as ${membership.incarnation}`),
    expired: (incarnation) => heard.push(`expired: ${incarnation}`),
    dataLossSuspected: () => heard.push('dataLossSuspected'),
    dataLossCleared: () => heard.push('dataLossCleared'),
  })
  membership.start(nodeId)
  onTestFinished(() => membership.stop())
  connection.begin()
  await until(() => membership.isAlive)
  await membership.beat()
  expect(heard.splice(0)).toEqual([`renewed as ${nodeId}.1`])
  const hears = (line: string) => until(() => heard.includes(line))
  const lease = (incarnation: string) => connection.keys.node(incarnation, 'lease')
  /** Another node that lives so long. */
  const lives = async (incarnation: string, ms: number) => {
    await connection.command(lease(incarnation), ['SET', lease(incarnation), 'x', 'PX', String(ms)])
    await membership.lookUp([incarnation])
  }
  return { redis, connection, membership, heard, hears, lease, lives }
}

it('keeps its incarnation as long as it renews its lease, and until it stops', async () => {
  const { redis, membership, hears, heard, lease, lives } = await setUp()
  await lives('m.1', 3 * LEASE)
  expect(membership.isLiving('m.1')).toBe(true)
  await hears('expired: m.1')
  expect(membership.isLiving('m.1')).toBe(false)
  expect(heard).toEqual(['expired: m.1'])
  expect([membership.incarnation, await redis.cli('EXISTS', lease('n.1'))]).toEqual(['n.1', '1'])
  await membership.stop()
  expect(await redis.cli('EXISTS', lease('n.1'))).toBe('0')
  expect(membership.isAlive).toBe(false)
})

it('knows its own incarnations, and which incarnations of others are alive', async () => {
  const { membership, lives } = await setUp()
  await lives('m.1', 5_000)
  await membership.lookUp(['n.7', 'm.1', 'm.2'])
  const all = ['n.7', 'm.1', 'm.2', 'nm.1']
  expect(all.filter((one) => membership.isLiving(one))).toEqual(['m.1'])
  expect(all.filter((one) => membership.isOwn(one))).toEqual(['n.7'])
})

it('takes a new incarnation after its lease has expired, and suspects data loss for one lease', async () => {
  const { redis, membership, heard, hears, lease, lives } = await setUp()
  await lives('m.1', 5_000)
  await redis.cli('DEL', lease('n.1'), lease('m.1'))
  await hears('renewed as n.2')
  expect(await redis.cli('EXISTS', lease('n.1'), lease('n.2'))).toBe('1')
  expect([membership.isDataLossSuspected, membership.isLiving('m.1')]).toEqual([true, true])
  await hears('dataLossCleared')
  expect(heard).toEqual(['renewed as n.2', 'dataLossSuspected', 'expired: m.1', 'dataLossCleared'])
  expect(membership.isDataLossSuspected).toBe(false)
})

it('expires no incarnation within one lease after Redis lost its data', async () => {
  const { redis, membership, heard, hears, lives } = await setUp()
  await lives('m.1', 5_000)
  await lives('m.2', 5_000)
  await redis.cli('FLUSHALL')
  await hears('dataLossSuspected')
  expect(heard).not.toContain('expired: m.1')
  await lives('m.1', 5_000)
  await hears('dataLossCleared')
  expect(heard.filter((line) => line.startsWith('expired'))).toEqual(['expired: m.2'])
  expect(membership.isLiving('m.1')).toBe(true)
})

it('detects at once, when asked, that Redis lost its data', async () => {
  const { redis, membership } = await setUp()
  await membership.checkEpoch()
  expect(membership.isDataLossSuspected).toBe(false)
  await redis.cli('FLUSHALL')
  await membership.checkEpoch()
  expect(membership.isDataLossSuspected).toBe(true)
})

it('reports each suspicion of data loss, also while an earlier one lasts', async () => {
  const { redis, connection, membership, heard } = await setUp()
  for (const epoch of ['one', 'two']) {
    await redis.cli('SET', connection.keys.of('epoch'), epoch)
    await membership.checkEpoch()
  }
  expect(heard).toEqual(['dataLossSuspected', 'dataLossSuspected'])
})

it('suspects data loss from the loss of Redis until one lease after its return', async () => {
  const { redis, connection, membership, heard, hears } = await setUp()
  await redis.kill()
  await connection.is('down')
  expect([membership.isDataLossSuspected, membership.isAlive]).toEqual([true, true])
  await expect(membership.lookUp(['m.1'])).rejects.toThrow()
  await redis.start()
  await hears('dataLossCleared')
  expect(heard.filter((line) => !line.startsWith('renewed'))).toEqual([
    'dataLossSuspected',
    'dataLossCleared',
  ])
})

it('looks up an incarnation once for many topics', async () => {
  const { redis, membership } = await setUp()
  await redis.cli('CONFIG', 'RESETSTAT')
  await Promise.all(Array.from({ length: 50 }, () => membership.lookUp(['m.1'])))
  expect(await redis.cli('INFO', 'commandstats')).toContain('cmdstat_exists:calls=1,')
})
