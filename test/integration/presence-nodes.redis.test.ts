import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { RedisEngineOptions } from '../../server/redis/index.ts'
import { turn } from '../helpers/deferred.ts'
import { type Member, PresenceNode, type View } from '../helpers/presence-node.ts'
import { ownPrefix, type RedisServer, startRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'
import { Wire } from '../helpers/wire.ts'

const NODES = 3
const PATIENCE = { timeout: 50_000 }

const who = fc.nat(99)
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('join' as const), who, node: fc.nat(NODES - 1) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('rename', 'leave', 'wait'), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('crash', 'cut', 'mend'), node: fc.nat(NODES - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('flush', 'lose', 'restart') }) },
)
type Act = { do: string; who?: number; node?: number }

it('all nodes and clients end with equal lists after failures of members, nodes and Redis', async () => {
  const redis = await startRedis()
  const property = fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 80 }), async (acts) => {
    const cluster = await Cluster.start(redis)
    for (const one of acts) await cluster.obey(one)
    await cluster.agrees()
    await cluster.stop()
  })
  // To shrink would take longer than to read the acts.
  await fc.assert(property, { seed: 7, numRuns: 8, endOnFailure: true })
}, 240_000)

type Place = { node: PresenceNode; wire: Wire; members: Map<Member, string> }

/** Nodes that can be cut off from Redis, and the members that they have. */
class Cluster {
  readonly #redis: RedisServer
  readonly #options: RedisEngineOptions
  readonly #places: Place[] = []
  #names = 0

  constructor(redis: RedisServer) {
    this.#redis = redis
    this.#options = { prefix: ownPrefix(), lease: 400, linger: 50 }
  }

  static async start(redis: RedisServer): Promise<Cluster> {
    const cluster = new Cluster(redis)
    for (let n = 0; n < NODES; n++) cluster.#places.push(await cluster.#place())
    return cluster
  }

  async obey(act: Act): Promise<void> {
    const place = this.#places[act.node ?? 0]
    const members = this.#places.flatMap(({ members }) => [...members.keys()])
    const member = members[(act.who ?? 0) % members.length]
    const home = this.#places.find(({ members }) => member !== undefined && members.has(member))
    if (act.do === 'join' && place !== undefined) return this.#join(place, `u${(act.who ?? 0) % 5}`)
    if (act.do === 'rename' && member !== undefined) {
      this.#names += 1
      home?.members.set(member, `${home.members.get(member)?.split(' ')[0]} n${this.#names}`)
      member.rename(`n${this.#names}`)
    }
    if (act.do === 'leave' && member !== undefined) {
      home?.members.delete(member)
      member.leave()
    }
    if (act.do === 'wait') for (let turns = 0; turns < (act.who ?? 0); turns++) await turn()
    if (act.do === 'cut') place?.wire.cut()
    if (act.do === 'mend') place?.wire.mend()
    if (act.do === 'crash') await this.#crash(act.node ?? 0)
    if (act.do === 'flush') await this.#redis.cli('FLUSHALL')
    if (act.do === 'lose') await this.#redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    if (act.do === 'restart') await this.#redis.restart({ empty: true })
  }

  /** After a while all see the members that there are, and nobody else. */
  async agrees(): Promise<void> {
    for (const { wire } of this.#places) wire.mend()
    const truth = this.#places.flatMap(({ members }) => [...members.values()]).sort()
    const views = () => [
      ...this.#places.map(({ node }) => node.view()),
      ...this.#places.flatMap(({ members }) => Array.from(members.keys(), ({ view }) => view)),
    ]
    const isTrue = (view: View) => JSON.stringify(namesOf(view)) === JSON.stringify(truth)
    try {
      await until(() => views().every(isTrue), PATIENCE)
    } catch {
      for (const view of views()) expect(namesOf(view)).toEqual(truth)
    }
    const [first] = views()
    for (const view of views()) expect(view).toEqual(first)
    for (const { node } of this.#places) expect(await node.list()).toEqual(first)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#places.map(({ node }) => node.endpoint.stop()))
    expect(await this.#redis.cli('KEYS', `${this.#options.prefix}*presence*`)).toBe('')
  }

  async #place(): Promise<Place> {
    const wire = await Wire.to(this.#redis.port)
    const node = await PresenceNode.start({ ...this.#options, url: `redis://127.0.0.1:${wire.port}` })
    // It has the topic open as long as it lives.
    await node.endpoint.pubsub.subscribe('room:a', { id: 'keeper', receive() {} })
    return { node, wire, members: new Map() }
  }

  async #join({ node, members }: Place, key: string): Promise<void> {
    members.set(await node.join(key), `${key} new`)
  }

  /** Cut off for good, it can only be missed. */
  async #crash(n: number): Promise<void> {
    this.#places[n]?.wire.cut()
    this.#places[n] = await this.#place()
  }
}

/** `key name` of everybody, sorted. */
function namesOf(view: View): string[] {
  return Object.entries(view)
    .flatMap(([key, metas]) => metas.map((meta) => `${key} ${JSON.parse(meta).name}`))
    .sort()
}
