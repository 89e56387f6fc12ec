import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { root } from '../helpers/markdown.ts'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { ownPrefix, type RedisServer, startRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'
import { Guest } from './presence-guest.ts'

const HOUR = 3_600_000

let scripts: Scripts
let lease: number
beforeAll(async () => {
  scripts = await bundle({ server: 'test/integration/presence-server.ts' })
  lease = await affordableLease()
})
afterAll(() => scripts.remove())

/**
 * A lease in milliseconds that a node on this machine can renew in time: four times as long as it takes here to start a
 * process, so a busy machine gets longer leases. A node that gets no CPU for a whole lease rightly counts as dead.
 */
async function affordableLease(): Promise<number> {
  const began = performance.now()
  await promisify(execFile)(process.execPath, ['-e', "import('fastify')"], { cwd: root })
  return Math.min(10_000, Math.max(1_500, Math.round(4 * (performance.now() - began))))
}

/** A cluster of processes that meet in a Redis of their own. */
class Cluster {
  readonly redis: RedisServer
  readonly #prefix = ownPrefix()

  private constructor(redis: RedisServer) {
    this.redis = redis
  }

  static async start(): Promise<Cluster> {
    return new Cluster(await startRedis())
  }

  async node(env: Record<string, string> = {}) {
    const server = new OwnProcess(`${scripts.folder}/server.js`, {
      REDIS_URL: this.redis.url,
      PREFIX: this.#prefix,
      LEASE: String(lease),
      ...env,
    })
    const base = await server.line(/http:\/\/127\.0\.0\.1:\d+/)
    /** A client of this node that is in the room. */
    const guest = async (key: string) => {
      const guest = new Guest(base, key)
      await guest.enter()
      return guest
    }
    return { server, guest }
  }

  /** Wait until `count` leases have passed on the clock of Redis. */
  async leases(count: number): Promise<void> {
    // An answer that Redis gives when the time is over.
    await this.redis.cli('BLPOP', 'what nobody pushes', String((count * lease) / 1_000))
  }
}

const knows = (guest: Guest, ...keys: string[]) =>
  until(() => Object.keys(guest.view).sort().join() === keys.join())

it('if a process is stopped for two leases, its members leave once and join again once', async () => {
  const cluster = await Cluster.start()
  const [a, b] = await Promise.all([cluster.node(), cluster.node()])
  const [ann, bob] = [await a.guest('ann'), await b.guest('bob')]
  await knows(ann, 'ann', 'bob')
  await knows(bob, 'ann', 'bob')
  ann.news.length = 0
  bob.news.length = 0
  a.server.child.kill('SIGSTOP')
  await cluster.leases(2)
  await knows(bob, 'bob')
  await bob.rename('Bobby')
  a.server.child.kill('SIGCONT')
  await knows(bob, 'ann', 'bob')
  await until(() => ann.view['bob']?.join().includes('Bobby') === true)
  // Whatever has been set off is over.
  await cluster.leases(2)
  expect(bob.news).toEqual(['-ann', '+ann'])
  expect(ann.news).toEqual([])
  expect(ann.view).toEqual(bob.view)
})

it('members of a killed process leave once; members of a process that stops leave at once', async () => {
  const cluster = await Cluster.start()
  const patient = { LEASE: '60000' }
  const [a, b, c] = await Promise.all([cluster.node(), cluster.node(), cluster.node(patient)])
  const [, bob, cid] = [await a.guest('ann'), await b.guest('bob'), await c.guest('cid')]
  await knows(bob, 'ann', 'bob', 'cid')
  bob.news.length = 0
  a.server.child.kill('SIGKILL')
  await knows(bob, 'bob', 'cid')
  expect(bob.news).toEqual(['-ann'])
  await cid.quit()
  const dan = await c.guest('dan')
  await knows(bob, 'bob', 'dan')
  c.server.child.kill('SIGTERM')
  await c.server.exited
  // Its lease is not waited for.
  await knows(bob, 'bob')
  await dan.quit()
})

it('clocks of nodes that differ by two hours do not matter', async () => {
  const cluster = await Cluster.start()
  // A machine that stands still for as long as two beats would make a node look dead, and rightly: they have time.
  const patient = { LEASE: String(2 * lease) }
  const ahead = { ...shifted(HOUR), ...patient }
  const behind = { ...shifted(-HOUR), ...patient }
  const [a, b] = await Promise.all([cluster.node(ahead), cluster.node(behind)])
  const clocks = await Promise.all([a, b].map(({ server }) => server.line(/\d{4}-\S+Z/)))
  const [later = 0, earlier = 0] = clocks.map((text) => Date.parse(text))
  expect(later - earlier).toBeGreaterThan(7_000_000)
  const [ann, bob] = [await a.guest('ann'), await b.guest('bob')]
  await knows(ann, 'ann', 'bob')
  await knows(bob, 'ann', 'bob')
  ann.news.length = 0
  bob.news.length = 0
  await cluster.leases(4)
  expect([ann.news, bob.news]).toEqual([[], []])
  b.server.child.kill('SIGKILL')
  await knows(ann, 'ann')
  const cid = await (await cluster.node(behind)).guest('cid')
  await knows(ann, 'ann', 'cid')
  expect([ann.news, cid.view]).toEqual([['-bob', '+cid'], ann.view])
})

it('official clients of three nodes end with equal lists', async () => {
  const cluster = await Cluster.start()
  const nodes = await Promise.all([cluster.node(), cluster.node(), cluster.node()])
  const guests = await Promise.all(
    Array.from({ length: 30 }, (_, n) => nodes[n % 3]?.guest(`u${n % 12}`) ?? Promise.reject(n)),
  )
  for (const deeds of [
    ['rename', 'crash', 'exit'],
    ['enter', 'drop', 'hurry'],
    ['rename', 'quit'],
  ] as const) {
    await Promise.all(guests.map((guest, n) => guest.do(deeds[n % deeds.length] ?? 'rename')))
  }
  const [host] = guests.filter(({ isInside }) => isInside)
  await host?.rename('last')
  const inside = guests.filter(({ isInside }) => isInside)
  const views = () => inside.map(({ view }) => JSON.stringify(sorted(view)))
  await until(() => new Set(views()).size === 1 && (views()[0] ?? '').includes('last'))
  const present = Object.values(inside[0]?.view ?? {}).flat()
  expect(present).toHaveLength(inside.length)
  expect(inside.length).toBeGreaterThan(5)
  await Promise.all(guests.map((guest) => guest.quit()))
})

/**
 * The environment of a process whose clock is so many ms ahead, and whose measure of elapsed time too, but
 * that this is never negative.
 */
function shifted(ms: number): Record<string, string> {
  const code = `
    const [date, performanceNow, hrtime] = [Date.now, performance.now.bind(performance), process.hrtime.bigint]
    const Original = Date
    globalThis.Date = class Date extends Original {
      constructor(...args) { args.length === 0 ? super(date() + ${ms}) : super(...args) }
      static now() { return date() + ${ms} }
    }
    performance.now = () => performanceNow() + ${HOUR + ms}
    process.hrtime.bigint = () => hrtime() + ${HOUR + ms}n * 1000000n`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}

function sorted(view: Guest['view']): [string, unknown[]][] {
  return Object.entries(view).sort(([a], [b]) => (a < b ? -1 : 1))
}
