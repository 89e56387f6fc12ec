import { expect, it, onTestFinished } from 'vitest'
import type { Change, Presence } from '../../../server/presence/state.ts'
import { Membership } from '../../../server/redis/membership.ts'
import { WRITE_SCRIPT } from '../../../server/redis/presence-scripts.ts'
import { PresenceTopic } from '../../../server/redis/presence-topic.ts'
import { type RedisServer, startRedis } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const LEASE = 60_000
const presence = (key: string, phx_ref: string): Presence => ({ key, meta: { phx_ref } })
const ann = presence('ann', 'F1')
const bob = presence('bob', 'F2')
const cid = presence('cid', 'F3')
const join = (...presences: Presence[]) => ({ joins: presences, leaves: [] })
const keys = (presences: Iterable<Presence>) => Array.from(presences, ({ key }) => key).sort()

/** One topic of a node that lives, and another node that writes to it. */
class Setting {
  readonly redis: RedisServer
  readonly connection: TestConnection
  readonly membership: Membership
  readonly topic: PresenceTopic
  /** `+key` for a join, `-key` for a leave. */
  readonly heard: string[] = []
  readonly errors: unknown[] = []
  rested = 0

  private constructor(redis: RedisServer) {
    this.redis = redis
    this.connection = new TestConnection({ url: redis.url, linger: 20 })
    this.membership = new Membership(this.connection, LEASE, {
      renewed: () => this.topic.renew(),
      expired: (incarnation) => this.topic.removeIncarnation(incarnation),
      dataLossSuspected: () => this.topic.suspectDataLoss(),
      dataLossCleared: () => this.topic.clearDataLoss(),
    })
    this.topic = new PresenceTopic('room:a', this.connection.keys.ofTopic('room:a', 'presence', 'room:*'), {
      connection: this.connection,
      membership: this.membership,
      lifetime: 10 * LEASE,
      changed: (_topic, change) => this.#hear(change),
      rested: () => void this.rested++,
      report: (error) => this.errors.push(error),
    })
  }

  static async start(): Promise<Setting> {
    const setting = new Setting(await startRedis())
    setting.membership.start('n')
    onTestFinished(() => setting.membership.stop())
    setting.connection.begin()
    await until(() => setting.membership.isAlive)
    await setting.other('m.1')
    return setting
  }

  /** Another node is there. */
  async other(incarnation: string): Promise<void> {
    await this.redis.cli('SET', this.connection.keys.node(incarnation, 'lease'), 'm')
  }

  /** Write as another node does. */
  async write(joins: Presence[], leaves: Presence[] = [], incarnation = 'm.1'): Promise<void> {
    const { key } = this.topic
    const field = ({ meta }: Presence) => `${incarnation}/${meta.phx_ref}`
    const values = joins.flatMap((one) => [field(one), JSON.stringify([one.key, one.meta])])
    const head = ['600000', 'PUBLISH', key, String(joins.length)]
    await this.connection.script(WRITE_SCRIPT, [key], [...head, ...values, ...leaves.map(field)])
  }

  /** Write as another node does, without a notification. */
  async writeSilently(one: Presence): Promise<void> {
    const { key } = this.topic
    await this.redis.cli('HSET', key, `m.1/${one.meta.phx_ref}`, JSON.stringify([one.key, one.meta]))
    await this.redis.cli('HINCRBY', key, 'version', '1')
  }

  async hears(line: string): Promise<void> {
    await until(() => this.heard.includes(line))
  }

  get view(): string[] {
    return keys(this.topic.view)
  }

  #hear({ joins, leaves }: Change): void {
    this.heard.push(...keys(joins).map((key) => `+${key}`), ...keys(leaves).map((key) => `-${key}`))
  }
}

it('has its own changes at once, whether it is entered or not', async () => {
  const { topic, heard } = await Setting.start()
  topic.change(join(ann))
  topic.change({ joins: [presence('ann', 'F9')], leaves: [ann] })
  expect([keys(topic.view), heard, topic.isFollowed]).toEqual([['ann'], ['+ann', '+ann', '-ann'], false])
})

it('has all presences after enter, and then follows changes', async () => {
  const setting = await Setting.start()
  const { topic, heard } = setting
  await setting.write([bob])
  topic.change(join(ann))
  expect(setting.view).toEqual(['ann'])
  await topic.enter()
  expect([setting.view, topic.isFollowed]).toEqual([['ann', 'bob'], true])
  await setting.write([cid], [bob])
  await setting.hears('-bob')
  expect([setting.view, heard]).toEqual([
    ['ann', 'cid'],
    ['+ann', '+bob', '+cid', '-bob'],
  ])
})

it('misses no change that is written during enter', async () => {
  const setting = await Setting.start()
  const all = Array.from({ length: 200 }, (_, n) => presence(`u${n}`, `U${n}`))
  const writing = all.map((one) => setting.write([one]))
  const gone = all.slice(0, 100).map((one) => setting.write([], [one]))
  await setting.topic.enter()
  await Promise.all([...writing, ...gone])
  await until(() => setting.view.length === 100)
  expect(setting.view).toEqual(keys(all.slice(100)))
})

it('reads again when a change was lost', async () => {
  const setting = await Setting.start()
  await setting.write([ann])
  await setting.topic.enter()
  await setting.writeSilently(bob)
  expect(setting.view).toEqual(['ann'])
  await setting.write([cid], [ann])
  await setting.hears('+bob')
  expect([setting.view, setting.heard]).toEqual([
    ['bob', 'cid'],
    ['+ann', '+bob', '+cid', '-ann'],
  ])
})

it('reads again when a check finds another version', async () => {
  const setting = await Setting.start()
  await setting.write([ann])
  await setting.topic.enter()
  await setting.redis.cli('CONFIG', 'RESETSTAT')
  await setting.topic.check()
  expect(await setting.redis.cli('INFO', 'commandstats')).not.toContain('hgetall')
  await setting.writeSilently(bob)
  await setting.topic.check()
  expect(setting.view).toEqual(['ann', 'bob'])
  await setting.redis.cli('DEL', setting.topic.key)
  await setting.topic.check()
  expect(setting.view).toEqual([])
})

it('follows a topic that becomes empty and is used again', async () => {
  const setting = await Setting.start()
  await setting.topic.enter()
  await setting.membership.lookUp(['m.1'])
  await setting.redis.cli('CONFIG', 'RESETSTAT')
  for (const one of [ann, bob, cid]) {
    await setting.write([one])
    await setting.write([], [one])
  }
  await setting.hears('-cid')
  expect(setting.heard).toEqual(['+ann', '-ann', '+bob', '-bob', '+cid', '-cid'])
  expect(await setting.redis.cli('INFO', 'commandstats')).not.toContain('hgetall')
})

it('hides presences of a node without a lease, and removes them from Redis', async () => {
  const setting = await Setting.start()
  await setting.write([ann])
  await setting.write([bob], [], 'dead.1')
  await setting.topic.enter()
  expect(setting.view).toEqual(['ann'])
  const fields = () => setting.redis.cli('HKEYS', setting.topic.key)
  while ((await fields()).includes('dead.1')) await setting.topic.check()
  // A node that writes without a lease, because it was stopped for too long, is ignored too.
  await setting.write([cid], [], 'dead.1')
  await setting.write([], [ann])
  await setting.hears('-ann')
  expect(setting.heard).toEqual(['+ann', '-ann'])
})

it('removes the presences of an expired incarnation', async () => {
  const setting = await Setting.start()
  await setting.other('o.1')
  await setting.write([ann, bob])
  await setting.write([cid], [], 'o.1')
  await setting.topic.enter()
  setting.topic.removeIncarnation('m.1')
  setting.topic.removeIncarnation('m.1')
  expect([setting.view, setting.heard.slice(3)]).toEqual([['cid'], ['-ann', '-bob']])
})

it('follows a node to its next incarnation without telling clients', async () => {
  const setting = await Setting.start()
  await setting.write([ann, bob])
  await setting.topic.enter()
  await setting.other('m.2')
  await setting.write([ann, bob], [], 'm.2')
  await setting.write([], [ann, bob])
  await setting.write([cid], [], 'm.2')
  await setting.hears('+cid')
  setting.topic.removeIncarnation('m.1')
  expect([setting.view, setting.heard]).toEqual([
    ['ann', 'bob', 'cid'],
    ['+ann', '+bob', '+cid'],
  ])
})

it('writes its own presences again when Redis lost them', async () => {
  const setting = await Setting.start()
  setting.topic.change(join(ann))
  await setting.topic.enter()
  await setting.redis.cli('DEL', setting.topic.key)
  await setting.topic.check()
  await until(() => setting.topic.isFollowed)
  const fields = () => setting.redis.cli('HKEYS', setting.topic.key)
  while (!(await fields()).includes('n.1/F1')) await setting.topic.check()
  expect(setting.heard).toEqual(['+ann'])
})

it('keeps presences that Redis lost while data loss is suspected, but applies leaves', async () => {
  const setting = await Setting.start()
  await setting.write([ann, bob, cid])
  await setting.topic.enter()
  await setting.redis.cli('FLUSHALL')
  await setting.other('m.1')
  await setting.topic.check()
  expect([setting.membership.isDataLossSuspected, setting.view]).toEqual([true, ['ann', 'bob', 'cid']])
  await setting.write([ann], [bob])
  await setting.hears('-bob')
  setting.topic.clearDataLoss()
  expect(setting.view).toEqual(['ann', 'cid'])
  expect(setting.heard.slice(3)).toEqual(['-bob'])
})

it('applies a leave of a missed change, although Redis lost the presence', async () => {
  const setting = await Setting.start()
  await setting.write([ann, bob])
  await setting.topic.enter()
  await setting.redis.cli('FLUSHALL')
  await setting.other('m.1')
  await setting.write([cid], [ann])
  await setting.hears('-ann')
  expect([setting.membership.isDataLossSuspected, setting.view]).toEqual([true, ['bob', 'cid']])
})

it("drops other nodes' presences on leave, and is idle then", async () => {
  const setting = await Setting.start()
  const { topic } = setting
  await setting.write([bob])
  topic.change(join(ann))
  await topic.enter()
  topic.leave()
  expect([setting.view, topic.isFollowed, topic.isIdle]).toEqual([['ann'], false, false])
  topic.change({ joins: [], leaves: [ann] })
  await until(() => topic.isIdle)
  expect(setting.rested).toBeGreaterThan(0)
  await topic.enter()
  expect(setting.view).toEqual(['bob'])
})

it('can be entered while Redis is unavailable, and has all presences after its return', async () => {
  const setting = await Setting.start()
  const { topic, redis, connection } = setting
  await setting.write([bob])
  connection.subscriptions.onGap(() => void topic.check())
  await redis.kill()
  await connection.is('down')
  topic.change(join(ann))
  await topic.enter()
  expect([setting.view, topic.isFollowed]).toEqual([['ann'], false])
  await redis.start()
  await setting.hears('+bob')
  await until(() => topic.isFollowed)
  const fields = () => redis.cli('HKEYS', topic.key)
  while (!(await fields()).includes('n.1/F1')) await topic.check()
})

it('survives malformed changes and presences', async () => {
  const setting = await Setting.start()
  await setting.topic.enter()
  expect(() => setting.topic.receive(Buffer.from('x'))).toThrow()
  await setting.redis.cli('HSET', setting.topic.key, 'm.1/F1', 'no JSON', 'version', '5')
  await setting.topic.check()
  expect(setting.errors).toEqual([expect.any(SyntaxError)])
  await setting.redis.cli('DEL', setting.topic.key)
  await setting.topic.check()
  expect(setting.topic.isFollowed).toBe(true)
})
