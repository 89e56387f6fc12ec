import { expect, it, onTestFinished } from 'vitest'
import type { Presence } from '../../../server/presence/state.ts'
import { Membership } from '../../../server/redis/membership.ts'
import { OwnPresences } from '../../../server/redis/own-presences.ts'
import { turn } from '../../helpers/deferred.ts'
import { startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const presence = (key: string, phx_ref: string): Presence => ({ key, meta: { phx_ref } })
const ann = presence('ann', 'F1')
const bob = presence('bob', 'F2')
const joins = (...presences: Presence[]) => ({ joins: presences, leaves: [] })
const leaves = (...presences: Presence[]) => ({ joins: [], leaves: presences })

/** The presences of one topic, of a node that lives. */
async function setUp() {
  const redis = await startRedis()
  const connection = new TestConnection({ url: redis.url })
  const listener = { renewed() {}, expired() {}, dataLossSuspected() {}, dataLossCleared() {} }
  const membership = new Membership(connection, 60_000, listener)
  membership.start('n')
  onTestFinished(() => membership.stop())
  const key = connection.keys.ofTopic('room:a', 'presence', 'room:*')
  const written: unknown[] = []
  const own = new OwnPresences({
    connection,
    membership,
    key,
    lifetime: 60_000,
    written: (error) => written.push(error),
  })
  const begin = async () => {
    connection.begin()
    await until(() => membership.isAlive)
  }
  /** The fields in Redis. */
  const fields = async () => {
    const all = (await redis.cli('HKEYS', key)).split('\n').filter((field) => field.includes('/'))
    return all.sort()
  }
  return { redis, connection, membership, key, own, written, begin, fields }
}

it('writes joins and leaves', async () => {
  const { own, written, begin, fields } = await setUp()
  await begin()
  own.change(joins(ann, bob))
  await own.write()
  expect([await fields(), [...own], own.isEmpty]).toEqual([['n.1/F1', 'n.1/F2'], [ann, bob], false])
  own.change(leaves(ann, bob))
  expect(own.isEmpty).toBe(false)
  await own.write()
  expect([await fields(), own.isEmpty, written]).toEqual([[], true, [null, null]])
})

it('writes changes that were made during a write in one command right after it', async () => {
  const { redis, own, begin, fields } = await setUp()
  await begin()
  await redis.cli('CONFIG', 'RESETSTAT')
  own.change(joins(ann))
  const writing = own.write()
  await turn()
  for (let n = 0; n < 100; n++) own.change(joins(presence(`u${n}`, `U${n}`)))
  await Promise.all([writing, own.write()])
  expect(await fields()).toHaveLength(101)
  expect(await redis.cli('INFO', 'commandstats')).toMatch(/cmdstat_eval(sha)?:calls=[12],/)
})

it.each([0, 1, 2, 3])('does not lose a leave that follows its join after %i turns', async (turns) => {
  const { own, begin, fields } = await setUp()
  await begin()
  own.change(joins(ann))
  const writing = own.write()
  for (let n = 0; n < turns; n++) await turn()
  own.change(leaves(ann))
  await Promise.all([writing, own.write()])
  await own.write()
  expect([await fields(), own.isEmpty]).toEqual([[], true])
})

it('waits until its node has a lease', async () => {
  const { own, begin, fields } = await setUp()
  own.change(joins(ann))
  await own.write()
  expect(own.isEmpty).toBe(false)
  await begin()
  await own.write()
  expect(await fields()).toEqual(['n.1/F1'])
})

it('keeps changes that could not be written, and reports the error', async () => {
  const { redis, connection, own, written, begin, fields } = await setUp()
  await begin()
  own.change(joins(ann, bob))
  await own.write()
  await redis.kill()
  await connection.is('down')
  own.change({ joins: [presence('ann', 'F3')], leaves: [ann] })
  await own.write()
  expect(written.at(-1)).toMatchObject({ code: 'PHX_ERR_ENGINE' })
  await redis.start()
  await connection.is('up')
  await own.write()
  expect(await fields()).toEqual(['n.1/F2', 'n.1/F3'])
})

it('moves to the next incarnation of its node', async () => {
  const { redis, membership, connection, own, begin, fields } = await setUp()
  await begin()
  own.change(joins(ann, bob))
  await own.write()
  own.change(leaves(bob))
  await redis.cli('DEL', connection.keys.node('n.1', 'lease'))
  await membership.beat()
  own.renew()
  await own.write()
  expect(await fields()).toEqual(['n.2/F1'])
})

it('restores lost presences in Redis, and removes those that do not belong there', async () => {
  const { redis, key, own, begin, fields } = await setUp()
  await begin()
  own.change(joins(ann, bob))
  await own.write()
  await redis.cli('HDEL', key, 'n.1/F1')
  await redis.cli('HSET', key, 'n.1/F9', '["ghost",{"phx_ref":"F9"}]')
  own.compare(await fields())
  await own.write()
  expect(await fields()).toEqual(['n.1/F1', 'n.1/F2'])
})

it('removes all presences on clear', async () => {
  const { own, begin, fields } = await setUp()
  await begin()
  own.change(joins(ann, bob))
  own.clear()
  await own.write()
  expect([await fields(), [...own], own.isEmpty]).toEqual([[], [], true])
})

it('splits a large write into several commands', async () => {
  const { own, begin, fields } = await setUp()
  await begin()
  own.change(joins(...Array.from({ length: 4_500 }, (_, n) => presence(`u${n}`, `U${n}`))))
  await own.write()
  expect(await fields()).toHaveLength(4_500)
})
