import { expect, it, onTestFinished, vi } from 'vitest'
import type { Change, Presence } from '../../../server/presence/state.ts'
import { Membership } from '../../../server/redis/membership.ts'
import { WRITE_SCRIPT } from '../../../server/redis/presence-scripts.ts'
import { PresenceTopic } from '../../../server/redis/presence-topic.ts'
import { Deferred } from '../../helpers/deferred.ts'
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
  /** Keys of the presences that left the view with the topic. */
  readonly dropped: string[] = []
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
      dropped: (_topic, change) => void this.dropped.push(...keys(change.leaves)),
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
  async write(
    joins: Presence[],
    leaves: Presence[] = [],
    incarnation = 'm.1',
    before = incarnation,
  ): Promise<void> {
    const { key } = this.topic
    const field = (of: string, { meta }: Presence) => `${of}/${meta.phx_ref}`
    const values = joins.flatMap((one) => [field(incarnation, one), JSON.stringify([one.key, one.meta])])
    const head = ['600000', 'PUBLISH', key, String(joins.length)]
    const gone = leaves.map((one) => field(before, one))
    await this.connection.script(WRITE_SCRIPT, [key], [...head, ...values, ...gone])
  }

  /** Write as another node does, without a notification. */
  async writeSilently(one: Presence): Promise<void> {
    const { key } = this.topic
    await this.redis.cli('HSET', key, `m.1/${one.meta.phx_ref}`, JSON.stringify([one.key, one.meta]))
    await this.redis.cli('HINCRBY', key, 'version', '1')
  }

  /** Forget a change, as a replica does that has not received it before a failover. */
  async lose(one: Presence): Promise<void> {
    await this.redis.cli('HDEL', this.topic.key, `m.1/${one.meta.phx_ref}`)
    await this.redis.cli('HINCRBY', this.topic.key, 'version', '-1')
  }

  /** Suspect data loss, as after a failover. */
  async suspect(): Promise<void> {
    await this.redis.cli('SET', this.connection.keys.of('epoch'), 'another')
    await this.membership.checkEpoch()
  }

  /** Hold the next read, after it has read the hash, until the returned function is called. */
  holdRead(): { hasRead: Promise<void>; release: (error?: Error) => void } {
    const { membership } = this
    const lookUp = membership.lookUp.bind(membership)
    const [read, held] = [new Deferred(), new Deferred()]
    vi.spyOn(membership, 'lookUp').mockImplementationOnce(async (incarnations) => {
      read.resolve()
      await held.promise
      await lookUp(incarnations)
    })
    const release = (error?: Error) => (error === undefined ? held.resolve() : held.reject(error))
    return { hasRead: read.promise, release }
  }

  /** Returns a function that waits until this many changes have been received. */
  received(): (count: number) => Promise<void> {
    const receive = vi.spyOn(this.topic, 'receive')
    return (count) => until(() => receive.mock.calls.length >= count)
  }

  async fields(): Promise<string[]> {
    const names = (await this.redis.cli('HKEYS', this.topic.key)).split('\n')
    return names.filter((name) => name.includes('/')).sort()
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

it('a presence that changes does not leave before it joins again, although its node has a new incarnation', async () => {
  const setting = await Setting.start()
  await setting.write([bob])
  await setting.topic.enter()
  await setting.redis.cli('FLUSHALL')
  await setting.other('m.2')
  const received = setting.received()
  const { hasRead, release } = setting.holdRead()
  void setting.topic.check()
  await hasRead
  await setting.write([presence('bob', 'F9')], [bob], 'm.2', 'm.1')
  await received(1)
  release()
  await setting.hears('-bob')
  expect(setting.heard).toEqual(['+bob', '+bob', '-bob'])
})

it('tells no leave of a presence that changes if the lease of its node cannot be read', async () => {
  const setting = await Setting.start()
  await setting.write([bob])
  await setting.topic.enter()
  await setting.other('m.2')
  const lookUp = vi.spyOn(setting.membership, 'lookUp')
  for (const _try of [1, 2]) lookUp.mockRejectedValueOnce(new Error('away'))
  await setting.write([presence('bob', 'F9')], [bob], 'm.2', 'm.1')
  await until(() => setting.errors.length === 2)
  await setting.topic.read()
  expect([setting.heard, setting.view]).toEqual([['+bob', '+bob', '-bob'], ['bob']])
})

it('has the presences of other nodes also while its hash is read again (PRESENCE-12)', async () => {
  const setting = await Setting.start()
  await setting.write([bob])
  await setting.topic.enter()
  await setting.redis.cli('FLUSHALL')
  const { hasRead, release } = setting.holdRead()
  const read = setting.topic.read()
  await hasRead
  expect([setting.view, setting.topic.isFollowed]).toEqual([['bob'], true])
  release()
  await read
})

it("drops other nodes' presences on leave, without telling that they have left, and is idle then", async () => {
  const setting = await Setting.start()
  const { topic } = setting
  await setting.write([bob])
  topic.change(join(ann))
  await topic.enter()
  topic.leave()
  expect([setting.view, topic.isFollowed, topic.isIdle]).toEqual([['ann'], false, false])
  expect([setting.dropped, setting.heard]).toEqual([['bob'], ['+ann', '+bob']])
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

it('keeps its own presences in Redis while it is not entered, and removes those of expired incarnations', async () => {
  const setting = await Setting.start()
  const { topic, redis } = setting
  topic.change(join(ann))
  await expect.poll(() => setting.fields()).toEqual(['n.1/F1'])
  await redis.cli('PEXPIRE', topic.key, '50000')
  await topic.check()
  expect(Number(await redis.cli('PTTL', topic.key))).toBeGreaterThan(9 * LEASE)
  await redis.cli('DEL', topic.key)
  await topic.check()
  await expect.poll(() => setting.fields()).toEqual(['n.1/F1'])
  await setting.write([bob])
  await setting.write([cid], [], 'dead.1')
  await topic.check()
  await expect.poll(() => setting.fields()).toEqual(['m.1/F2', 'n.1/F1'])
  expect(setting.view).toEqual(['ann'])
})

it('reads again when changes may have been missed during a read', async () => {
  const setting = await Setting.start()
  await setting.write([ann])
  const { hasRead, release } = setting.holdRead()
  const entering = setting.topic.enter()
  await hasRead
  await setting.writeSilently(bob)
  const checking = setting.topic.check()
  release()
  await Promise.all([entering, checking])
  expect(setting.view).toEqual(['ann', 'bob'])
})

it('reads again when data loss is suspected, even if the version is the same (PRESENCE-12)', async () => {
  const setting = await Setting.start()
  await setting.other('k.1')
  await setting.topic.enter()
  const received = setting.received()
  await setting.write([ann])
  await setting.write([bob])
  await setting.hears('+bob')
  await setting.lose(bob)
  await setting.write([cid], [], 'k.1')
  await received(3)
  expect(setting.view).toEqual(['ann', 'bob'])
  await setting.suspect()
  await setting.hears('+cid')
  expect(setting.view).toEqual(['ann', 'bob', 'cid'])
})

/** A room that lost its data while `bob` was present, and a read of it that has read the empty hash. */
async function readAfterLoss() {
  const setting = await Setting.start()
  await setting.other('k.1')
  await setting.write([bob])
  await setting.topic.enter()
  await setting.suspect()
  await setting.topic.read()
  await setting.redis.cli('DEL', setting.topic.key)
  const received = setting.received()
  const { hasRead, release } = setting.holdRead()
  const reading = setting.topic.read()
  await hasRead
  const finish = async (error?: Error) => {
    release(error)
    await reading
  }
  return { setting, received, finish }
}

it('applies a leave that it receives during a read, after a change that it cannot follow (PRESENCE-12)', async () => {
  const { setting, received, finish } = await readAfterLoss()
  await setting.write([cid], [], 'k.1')
  await setting.write([], [bob])
  await received(2)
  await finish()
  expect([setting.membership.isDataLossSuspected, setting.view]).toEqual([true, ['cid']])
})

it('applies the changes that it receives during a read that fails (PRESENCE-12)', async () => {
  const { setting, received, finish } = await readAfterLoss()
  const bobby = presence('bob', 'F4')
  await setting.write([bobby, ann], [bob])
  await setting.write([], [ann])
  await received(2)
  setting.heard.length = 0
  const error = new Error('no reply')
  await finish(error)
  expect([setting.view, setting.errors]).toEqual([['bob'], [error]])
  expect(Array.from(setting.topic.view)).toEqual([bobby])
  expect(setting.heard).toEqual(['+ann', '+bob', '-bob', '-ann'])
})

it('tells no leave when a node moves its presences to its next incarnation during a read', async () => {
  const { setting, received, finish } = await readAfterLoss()
  await setting.other('m.2')
  await setting.write([bob], [bob], 'm.2', 'm.1')
  await received(1)
  await finish()
  setting.topic.removeIncarnation('m.1')
  expect([setting.view, setting.heard]).toEqual([['bob'], ['+bob']])
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
