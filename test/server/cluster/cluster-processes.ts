// A server in worker processes. The file PLAN has what its `start` does before or after it has listened.
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { runCluster } from '../../../server/cluster/cluster.ts'
import { fail } from '../../../server/cluster/fail.ts'
import { runPrimary } from '../../../server/cluster/run-primary.ts'
import type { Started } from '../../../server/cluster/serving.ts'
import { defineSocket } from '../../../server/index.ts'
import { metricsRoute } from '../../../server/metrics/index.ts'
import { phoenix } from '../../../server/plugin.ts'
import { RedisEngine } from '../../../server/redis/index.ts'
import { isOwnWorker } from '../../../server/runtime/own-worker.ts'

/** What `start` does after the server has listened, or before. */
export type Plan = 'start' | 'give up' | 'fail' | 'fail later' | 'exit' | 'hang' | PlanBefore
/** `wait before` ends when the plan changes. With `one fails before`, all others hang. */
type PlanBefore = 'hang before' | 'wait before' | 'one fails before'

const { PLAN = '', WORKERS, START_LIMIT } = process.env
const workers = Number(WORKERS)

const readPlan = () => readFileSync(PLAN, 'utf8') as Plan

/** Write the file beside PLAN that only one process can create. Returns false if another process has created it. */
function isFirst(): boolean {
  try {
    writeFileSync(`${PLAN}-first`, '', { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

/** Hang for ever, and say so. */
async function hang(): Promise<never> {
  process.stdout.write('hangs before it listens\n')
  for (;;) await sleep(60_000)
}

async function start(): Promise<Started> {
  if (readPlan() === 'hang before') await hang()
  if (readPlan() === 'one fails before') {
    if (!isFirst()) await hang()
    throw new Error('half a deploy')
  }
  while (readPlan() === 'wait before') await sleep(20)
  const plan = readPlan()
  const app = fastify({ logger: true })
  // Several workers need an engine that connects them. This one never reaches its Redis.
  const engine = workers > 1 ? { engine: new RedisEngine({ url: 'redis://127.0.0.1:1' }) } : {}
  await app.register(phoenix, {
    sockets: { '/socket': defineSocket({ connect: () => ({ ok: {} }) }) },
    secret: 'a secret of the tests',
    ...engine,
  })
  await app.register(metricsRoute, { endpoint: app.endpoint })
  if (plan === 'give up') app.addHook('onClose', () => Promise.reject(new Error('the pool is gone')))
  await app.listen({ port: 0, host: '127.0.0.1' })
  if (plan === 'fail later') await sleep(300)
  if (plan === 'exit') process.exit(7)
  if (plan === 'hang') await new Promise(() => {})
  if (plan === 'give up') return { app, failed: Promise.resolve(new Error('gave up')) }
  if (plan !== 'start') throw new Error('half a deploy')
  return { app }
}

if (START_LIMIT === undefined || isOwnWorker()) await runCluster({ workers, start })
else {
  const { log: logger } = fastify({ logger: true })
  const startLimit = Number(START_LIMIT)
  await runPrimary({ count: workers, shutdownDelay: 0, logger, startLimit }).catch(fail)
}
if (!isOwnWorker()) process.stdout.write('all have started\n')
