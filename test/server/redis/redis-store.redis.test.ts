import { expect, it, onTestFinished } from 'vitest'
import { parseTopicPattern } from '../../../protocol/index.ts'
import type { Presence } from '../../../server/presence/state.ts'
import { Membership } from '../../../server/redis/membership.ts'
import { WRITE_SCRIPT } from '../../../server/redis/presence-scripts.ts'
import type { PresenceTopic } from '../../../server/redis/presence-topic.ts'
import { RedisStore } from '../../../server/redis/redis-store.ts'
import { turn } from '../../helpers/deferred.ts'
import { ownPrefix, startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const presence = (key: string, phx_ref: string): Presence => ({ key, meta: { phx_ref } })
const join = (one: Presence) => ({ joins: [one], leaves: [] })
const leave = (one: Presence) => ({ joins: [], leaves: [one] })
const ann = presence('ann', 'F1')
const bob = presence('bob', 'F2')
const cid = presence('cid', 'F3')

/** A node with a store, and what its store tells. */
async function node(url: string, prefix: string, nodeId: string) {
  const connection = new TestConnection({ url, prefix })
  const listener = { renewed() {}, expired() {}, dataLossSuspected() {}, dataLossCleared() {} }
  const membership = new Membership(connection, 60_000, listener)
  membership.start(nodeId)
  onTestFinished(() => membership.stop())
  connection.begin()
  await until(() => membership.isAlive)
  const topics = new Map<string, PresenceTopic>()
  const errors: unknown[] = []
  const report = (error: unknown) => void errors.push(error)
  const host = { connection, membership, topics, lifetime: 60_000, report }
  const heard: unknown[] = []
  const scope = { name: 'people', pattern: parseTopicPattern('room:*') }
  const store = new RedisStore(scope, { changed: (...change) => heard.push(change), dropped() {} }, host)
  return { store, topics, heard, errors, connection }
}

async function twoNodes() {
  const redis = await startRedis()
  const prefix = ownPrefix()
  const [a, b] = [await node(redis.url, prefix, 'a'), await node(redis.url, prefix, 'b')]
  return { redis, a, b }
}

it('has a view of each topic, and reports changes', async () => {
  const { a, b } = await twoNodes()
  expect([...a.store.view('room:a')]).toEqual([])
  a.store.change('room:a', join(ann))
  expect([...a.store.view('room:a')]).toEqual([ann])
  await b.store.enter('room:a')
  await until(() => b.heard.length > 0)
  expect(b.heard.at(-1)).toEqual(['room:a', join(ann)])
  expect([[...b.store.view('room:a')], [...b.store.view('room:b')]]).toEqual([[ann], []])
})

it('a check of a forgotten topic does not remove the presences of the same topic that are tracked meanwhile', async () => {
  const { redis, a, b } = await twoNodes()
  await b.store.enter('room:a')
  a.store.change('room:a', join(ann))
  await until(() => b.heard.length === 1)
  // The check must load its script, but the writes need not.
  await redis.cli('SCRIPT', 'FLUSH')
  await redis.cli('SCRIPT', 'LOAD', WRITE_SCRIPT.source)
  const [topic] = a.topics.values()
  const checking = topic?.check()
  a.store.change('room:a', leave(ann))
  while (a.topics.size > 0) await turn()
  a.store.change('room:a', join(bob))
  await checking
  a.store.change('room:a', join(cid))
  await until(() => b.heard.length === 4)
  expect(b.heard.map((heard) => Object(heard)[1])).toEqual([join(ann), leave(ann), join(bob), join(cid)])
  expect([...b.store.view('room:a')]).toEqual([bob, cid])
})

it('reads a topic that it does not follow from Redis', async () => {
  const { a, b } = await twoNodes()
  a.store.change('room:a', join(ann))
  b.store.change('room:a', join(bob))
  const read = async () => [...(await b.store.read('room:a'))].map(({ key }) => key).sort()
  while ((await read()).length < 2) expect(await read()).toContain('bob')
  expect(await read()).toEqual(['ann', 'bob'])
  expect([...b.store.view('room:a')]).toEqual([bob])
})

it('reads its own and followed presences while Redis is unavailable', async () => {
  const { redis, a } = await twoNodes()
  a.store.change('room:a', join(ann))
  await a.store.enter('room:b')
  expect(await a.store.read('room:b')).toBe(a.store.view('room:b'))
  await redis.kill()
  await a.connection.is('down')
  expect([...(await a.store.read('room:a'))]).toEqual([ann])
  expect(a.errors).toContainEqual(expect.objectContaining({ code: 'PHX_ERR_ENGINE' }))
})

it('keeps no state of an empty topic that it has left', async () => {
  const { a } = await twoNodes()
  await a.store.enter('room:a')
  a.store.change('room:a', join(ann))
  a.store.change('room:b', join(bob))
  expect(a.topics.size).toBe(2)
  a.store.leave('room:a')
  a.store.leave('room:c')
  expect(a.topics.size).toBe(2)
  a.store.change('room:a', leave(ann))
  a.store.change('room:b', leave(bob))
  await until(() => a.topics.size === 0)
})

it('handles the topics of its pattern, separately from presences of other names', async () => {
  const { a } = await twoNodes()
  expect(['room:a', 'room:', 'hall:a'].map((topic) => a.store.fits(topic))).toEqual([true, true, false])
  a.store.change('room:a', join(ann))
  expect([...a.topics.keys()][0]).toMatch(/^test-.*:\{topic:room:a\}:presence:people$/)
})
