import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Child } from './child.mjs'
import { residentBytes, snapshot, spent } from './measure.mjs'

const LOAD = fileURLToPath(new URL('./load/main.mjs', import.meta.url))
const PROBE = new URL('./probe.mjs', import.meta.url).href

// Milliseconds a server may take until it listens, and then to come to rest.
const START_WITHIN = 20_000
const SETTLE = 300

/**
 * What one run of one server gave. Times per unit in microseconds, latencies in milliseconds, memory in bytes per
 * connection; `foreign` and the loads are in cores.
 * @typedef {import('./targets.mjs').Figures & Counts} Outcome
 *
 * @typedef {object} Counts
 * @property {number} [lost]
 * @property {number} [doubled]
 * @property {number} [misordered]
 * @property {string[]} faults
 * @property {number} [foreign]
 * @property {number} [generatorLoad]
 *
 * @typedef {object} Bench one run's server, generator and what they do
 * @property {import('./servers.mjs').Server} server
 * @property {import('./scenarios.mjs').Scenario} scenario
 * @property {import('./machine.mjs').Machine} machine
 */

/**
 * Measures one scenario on a fresh process of one server.
 * @param {Bench} bench
 * @returns {Promise<Outcome>}
 */
export async function run(bench) {
  const generator = new Child([LOAD], bench.machine.cores?.generator)
  try {
    const emptyHeap = bench.scenario.phase === 'hold' ? await withServer(bench, heapAfterGc) : 0
    return await withServer(bench, async (server, port) => {
      const request = { protocol: bench.server.protocol, port, ...bench.scenario.members }
      if (bench.scenario.phase === 'hold') return hold({ bench, server, generator, request, emptyHeap })
      if (bench.scenario.phase === 'join') {
        await generator.call('join', { ...request, ...bench.scenario.warmup })
        await generator.call('leave')
        await sleep(SETTLE)
        return loaded({ bench, server, generator }, () => generator.call('join', request))
      }
      const { phase, warmup, load } = bench.scenario
      await generator.call('join', request)
      await generator.call(phase, warmup)
      return loaded({ bench, server, generator }, () => generator.call(phase, load))
    })
  } catch (error) {
    return { faults: [error instanceof Error ? error.message : String(error)] }
  } finally {
    await generator.kill()
  }
}

/**
 * @template T
 * @param {Bench} bench
 * @param {(server: Child, port: number) => Promise<T>} use
 */
async function withServer({ server: { file }, machine }, use) {
  const port = await freePort()
  const args = ['--expose-gc', '--import', PROBE, file]
  const server = new Child(args, machine.cores?.server, { PORT: String(port), LOG_LEVEL: 'error' })
  try {
    await listening(server, port)
    await sleep(SETTLE)
    return await use(server, port)
  } finally {
    await server.kill()
  }
}

/** @param {Child} server @returns {Promise<number>} */
const heapAfterGc = (server) => server.call('heapAfterGc')

/**
 * The CPU time of the server during a phase of the load.
 * @param {{ bench: Bench, server: Child, generator: Child }} sides
 * @param {() => Promise<any>} load
 * @returns {Promise<Outcome>}
 */
async function loaded({ bench: { machine }, server, generator }, load) {
  const before = snapshot(server.pid, generator.pid, machine.cores)
  const { units, milliseconds, faults = [], ...seen } = await load()
  const cost = spent(before, snapshot(server.pid, generator.pid, machine.cores))
  if (units === 0) faults.push('nothing arrived')
  return {
    ...seen,
    faults,
    cpu: (cost.server * 1e6) / units,
    rate: (units * 1_000) / milliseconds,
    foreign: cost.foreign,
    generatorLoad: cost.generator / cost.wall,
  }
}

/**
 * The memory of the server with everyone connected and nothing to do.
 * @param {{ bench: Bench, server: Child, generator: Child, request: object, emptyHeap: number }} sides
 * @returns {Promise<Outcome>}
 */
async function hold({ bench: { scenario }, server, generator, request, emptyHeap }) {
  const emptyRss = residentBytes(server.pid)
  const { units } = await generator.call('join', request)
  await sleep(scenario.load.settleSeconds * 1_000)
  const rss = (residentBytes(server.pid) - emptyRss) / units
  const heap = ((await heapAfterGc(server)) - emptyHeap) / units
  const alive = await generator.call('alive')
  return { rss, heap, faults: alive === units ? [] : [`${units - alive} connections were closed`] }
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })
}

/**
 * @param {Child} server
 * @param {number} port
 */
export async function listening(server, port) {
  const until = performance.now() + START_WITHIN
  while (!(await accepts(port))) {
    if (server.hasExited) await server.call('heapAfterGc') // throws with the server's last words
    if (performance.now() > until) throw new Error(`does not listen after ${START_WITHIN / 1_000} s`)
    await sleep(25)
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
