import { expect, it, onTestFinished } from 'vitest'
import { Membership } from '../../../server/redis/membership.ts'
import { ownPrefix, startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const LEASE = 500

/** A node that has its first lease, and what it hears. */
async function setUp(nodeId = 'n') {
  const redis = await startRedis()
  const connection = new TestConnection({ url: redis.url, prefix: ownPrefix() })
  const heard: string[] = []
  const membership = new Membership(connection, LEASE, {
    renewed: () => heard.push(`renewed as ${membership.incarnation}`),
    died: (incarnation) => heard.push(`died: ${incarnation}`),
    doubted: () => heard.push('doubted'),
    believed: () => heard.push('believed'),
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
    await membership.look([incarnation])
  }
  return { redis, connection, membership, heard, hears, lease, lives }
}

it('lives as long as it renews its lease, whoever else dies, and until it stops', async () => {
  const { redis, membership, hears, heard, lease, lives } = await setUp()
  await lives('m.1', 3 * LEASE)
  expect(membership.isLiving('m.1')).toBe(true)
  await hears('died: m.1')
  expect(membership.isLiving('m.1')).toBe(false)
  expect(heard).toEqual(['died: m.1'])
  expect([membership.incarnation, await redis.cli('EXISTS', lease('n.1'))]).toEqual(['n.1', '1'])
  await membership.stop()
  expect(await redis.cli('EXISTS', lease('n.1'))).toBe('0')
  expect(membership.isAlive).toBe(false)
})

it('knows its own incarnations, and of the others those that live', async () => {
  const { membership, lives } = await setUp()
  await lives('m.1', 5_000)
  await membership.look(['n.7', 'm.1', 'm.2'])
  const all = ['n.7', 'm.1', 'm.2', 'nm.1']
  expect(all.filter((one) => membership.isLiving(one))).toEqual(['m.1'])
  expect(all.filter((one) => membership.isOwn(one))).toEqual(['n.7'])
})

it('takes another incarnation when its lease has run out, and doubts what it knows for one lease', async () => {
  const { redis, membership, heard, hears, lease, lives } = await setUp()
  await lives('m.1', 5_000)
  await redis.cli('DEL', lease('n.1'), lease('m.1'))
  await hears('renewed as n.2')
  expect(await redis.cli('EXISTS', lease('n.1'), lease('n.2'))).toBe('1')
  expect([membership.isDoubtful, membership.isLiving('m.1')]).toEqual([true, true])
  await hears('believed')
  expect(heard).toEqual(['renewed as n.2', 'doubted', 'died: m.1', 'believed'])
  expect(membership.isDoubtful).toBe(false)
})

it('takes nobody for dead because Redis was emptied, before one lease has passed', async () => {
  const { redis, membership, heard, hears, lives } = await setUp()
  await lives('m.1', 5_000)
  await lives('m.2', 5_000)
  await redis.cli('FLUSHALL')
  await hears('doubted')
  expect(heard).not.toContain('died: m.1')
  await lives('m.1', 5_000)
  await hears('believed')
  expect(heard.filter((line) => line.startsWith('died'))).toEqual(['died: m.2'])
  expect(membership.isLiving('m.1')).toBe(true)
})

it('finds out at once that Redis was emptied, when asked to', async () => {
  const { redis, membership } = await setUp()
  await membership.confirm()
  expect(membership.isDoubtful).toBe(false)
  await redis.cli('FLUSHALL')
  await membership.confirm()
  expect(membership.isDoubtful).toBe(true)
})

it('doubts from the loss of Redis until one lease after its return', async () => {
  const { redis, connection, membership, heard, hears } = await setUp()
  await redis.kill()
  await connection.is('down')
  expect([membership.isDoubtful, membership.isAlive]).toEqual([true, true])
  await expect(membership.look(['m.1'])).rejects.toThrow()
  await redis.start()
  await hears('believed')
  expect(heard.filter((line) => !line.startsWith('renewed'))).toEqual(['doubted', 'believed'])
})

it('asks once for an incarnation that many topics meet', async () => {
  const { redis, membership } = await setUp()
  await redis.cli('CONFIG', 'RESETSTAT')
  await Promise.all(Array.from({ length: 50 }, () => membership.look(['m.1'])))
  expect(await redis.cli('INFO', 'commandstats')).toContain('cmdstat_exists:calls=1,')
})
