import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { bundle, type Scripts } from '../../helpers/own-process.ts'
import { connect, type RawClient } from '../../helpers/raw-client.ts'
import { readMetrics } from '../../helpers/read-metrics.ts'
import { until } from '../../helpers/until.ts'
import { WorkerProcesses } from '../../helpers/worker-processes.ts'
import type { Plan } from './cluster-processes.ts'

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ served: 'test/server/cluster/cluster-processes.ts' })
})
afterAll(() => scripts.remove())

let plans = 0

/** A primary whose workers start by a plan, which can change. */
function run(first: Plan, env: Record<string, string> = {}) {
  plans += 1
  const PLAN = `${scripts.folder}/plan-${plans}`
  const plan = (next: Plan) => writeFileSync(PLAN, next)
  plan(first)
  const app = new WorkerProcesses(`${scripts.folder}/served.js`, { PLAN, WORKERS: '1', ...env })
  return { app, plan }
}

/** The same, when its workers have started. */
async function start(env: Record<string, string> = {}) {
  const { app, plan } = run('start', env)
  const pids = await app.listened(Number(env['WORKERS'] ?? 1))
  await app.line(/all have started/)
  return { app, plan, pids, base: await app.base() }
}

const open = (base: string) => connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)

const reasons = (app: WorkerProcesses) => app.lines.filter((line) => line.startsWith('fastify-phoenix'))

describe('a reload keeps the old workers if a new one', () => {
  it.each<[what: string, Plan, reason: string, env: Record<string, string>]>([
    ['fails at once after it has listened', 'fail', 'half a deploy', {}],
    ['fails later after it has listened', 'fail later', 'half a deploy', {}],
    ['exits after it has listened', 'exit', 'exit code 7', {}],
    [
      'does not start in time after it has listened',
      'hang',
      '`start` did not resolve within 0.5 s',
      { START_LIMIT: '500' },
    ],
    ['fails later, and so does another', 'fail later', 'half a deploy', { WORKERS: '2' }],
    ['fails while another hangs before it listens', 'one fails before', 'half a deploy', { WORKERS: '2' }],
  ])('%s', async (_what, next, reason, env) => {
    const { app, plan, pids, base } = await start(env)
    const client = await open(base)
    plan(next)
    app.child.kill('SIGHUP')
    const outcome = await app.line(/.*(new processes could not start|worker processes replaced).*/)
    expect(outcome).toContain(reason)
    expect(app.running.sort()).toEqual(pids.sort())
    await client.nothing()

    plan('start')
    app.child.kill('SIGHUP')
    expect(await client.closed).toBe(1012)
    await app.line(/worker processes replaced/)
    await (await open(base)).nothing()
  })
})

describe('a primary', () => {
  it.each<[what: string, Plan, reason: string]>([
    ['fails after it has listened', 'fail later', 'half a deploy'],
    [
      'listens but does not start in time',
      'hang',
      'cluster: `start` did not resolve within 0.5 s after the server began to listen',
    ],
  ])('exits with 1 at its start if a worker %s', async (_what, plan, reason) => {
    const { app } = run(plan, { START_LIMIT: '500' })
    expect(await app.exited).toEqual({ code: 1, signal: null })
    expect(reasons(app)).toEqual([`fastify-phoenix: ${reason}`])
  })

  it('exits with 1 if the successors of a killed worker fail after they have listened', async () => {
    const { app, plan, pids } = await start()
    plan('fail')
    process.kill(pids[0] ?? 0, 'SIGKILL')
    expect(await app.exited).toEqual({ code: 1, signal: null })
    expect(reasons(app)).toEqual([
      'fastify-phoenix: 6 times in a row, a worker process exited within 5 s of its start; last reason: half a deploy',
    ])
  })

  it('replaces the successor of a killed worker if it does not start in time', async () => {
    const { app, plan, pids } = await start({ START_LIMIT: '500' })
    plan('hang')
    process.kill(pids[0] ?? 0, 'SIGKILL')
    const [, second] = await app.listened(2)
    plan('start')
    await app.line(new RegExp(`"worker":${second},"reason":"cluster: \`start\` did not resolve`))
    const [, , third] = await app.listened(3)
    expect(app.running).toEqual([third])
  })

  it('stops with 0 although a worker that listens has not started', async () => {
    const { app } = run('hang')
    await app.listened(1)
    app.child.kill('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  it('without workers exits with 1 if its server fails after it has listened', async () => {
    const { app } = run('fail later', { WORKERS: '0' })
    expect(await app.exited).toEqual({ code: 1, signal: null })
    expect(reasons(app)).toEqual(['fastify-phoenix: half a deploy'])
  })
})

describe('the reason of `failed` is reported although the server cannot stop', () => {
  it('by the primary, for a worker', async () => {
    const { app } = run('give up')
    expect(await app.line(/"reason":.*"worker process exited"/)).toContain('"reason":"gave up"')
  })

  it('without workers', async () => {
    const { app } = run('give up', { WORKERS: '0' })
    expect(await app.exited).toEqual({ code: 1, signal: null })
    expect(reasons(app)).toEqual(['fastify-phoenix: gave up'])
  })
})

/** Longer than the wait before the first replacement of a worker that exits. A shorter wait only makes a test weaker. */
const BACKOFF_MS = 1_000

describe('the number of workers is complete again if a worker dies', () => {
  it('while the successor of another starts', async () => {
    const { app, plan, pids } = await start({ WORKERS: '2' })
    plan('wait before')
    process.kill(pids[0] ?? 0, 'SIGTERM')
    await until(() => app.running.length === 3)
    process.kill(pids[1] ?? 0, 'SIGKILL')
    await app.line(/worker process exited/)
    await sleep(BACKOFF_MS)
    plan('start')
    await app.line(/worker processes replaced/)
    await until(() => app.running.length === 2 && !app.running.some((pid) => pids.includes(pid)))
  })

  it('and a reload begins before its replacement', async () => {
    const { app, plan, pids } = await start({ WORKERS: '2' })
    plan('wait before')
    process.kill(pids[0] ?? 0, 'SIGKILL')
    await app.line(/worker process exited/)
    app.child.kill('SIGHUP')
    await sleep(BACKOFF_MS)
    plan('start')
    await app.line(/worker processes replaced/)
    await until(() => app.running.length === 2 && !app.running.some((pid) => pids.includes(pid)))
  })
})

test('a reload replaces workers that hang before they listen, also the first ones', async () => {
  const { app, plan } = run('hang before', { WORKERS: '2' })
  await until(() => app.lines.filter((line) => line.includes('hangs before')).length === 2)
  plan('start')
  app.child.kill('SIGHUP')
  const successors = await app.listened(2)
  await app.line(/worker processes replaced/)
  await app.line(/all have started/)
  expect(app.running.sort()).toEqual(successors.sort())
})

test('the counts of replaced workers include those of their drain, without a scrape before', async () => {
  const { app, base } = await start({ WORKERS: '2' })
  const clients: RawClient[] = []
  for (let n = 0; n < 10; n++) clients.push(await open(base))
  app.child.kill('SIGHUP')
  for (const { closed } of clients) expect(await closed).toBe(1012)
  await app.line(/worker processes replaced/)
  for (let n = 0; n < 10; n++) await open(base)

  const response = await fetch(`${base}/metrics`)
  expect(readMetrics(await response.text())).toMatchObject({
    'phoenix_connections_opened_total{transport="websocket"}': 20,
    'phoenix_connections_closed_total{transport="websocket",code="1012",by="server"}': 10,
    'phoenix_connections{transport="websocket"}': 10,
  })
})
