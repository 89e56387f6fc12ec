// Compares the cost of several nodes with that of one: see README.md.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Child } from './child.mjs'
import { Lab } from './cluster/lab.mjs'
import { report } from './cluster/report.mjs'
import { comparisons } from './cluster/scenarios.mjs'
import { inspectMachine } from './machine.mjs'
import { snapshot, spent } from './measure.mjs'
import { median } from './stats.mjs'

const HELP = `npm run bench:cluster -- [options]
  --rounds N   rounds of every comparison; default 5
  --only a,b   comparisons: ${Object.keys(comparisons).join(' ')}`

const APPEND = fileURLToPath(new URL('./cluster/append.mjs', import.meta.url))
const SUBSCRIBE = fileURLToPath(new URL('./cluster/subscribe.mjs', import.meta.url))
const MESSAGES = 20_000
const TOPICS = 10_000

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: Object.keys(comparisons).join() },
    help: { type: 'boolean', default: false },
  },
})

/** @param {string} line */
const note = (line) => process.stderr.write(`${line}\n`)

/**
 * @template T
 * @param {import('./machine.mjs').Machine} machine
 * @param {(lab: Lab) => Promise<T>} use
 */
async function withLab(machine, use) {
  const lab = new Lab(machine)
  try {
    return await use(lab)
  } finally {
    await lab.clear()
  }
}

/**
 * Measures the time to subscribe to all topics. Resolves with milliseconds. Throws if a topic receives no message.
 * @param {import('./machine.mjs').Machine} machine
 */
function subscribe(machine) {
  return withLab(machine, async (lab) => {
    const redis = await lab.redis('generator')
    const child = new Child([SUBSCRIBE], machine.cores?.server)
    try {
      const { milliseconds, heard } = await child.call('subscribe', { url: redis.url, topics: TOPICS })
      if (heard !== TOPICS) throw new Error(`all ${TOPICS} topics must receive their message (${heard} did)`)
      return Number(milliseconds)
    } finally {
      await child.kill()
    }
  })
}

/**
 * Measures the CPU of Redis per message of 200 bytes. Resolves with two figures in µs: without and with a history.
 * @param {import('./machine.mjs').Machine} machine
 */
function append(machine) {
  return withLab(machine, async (lab) => {
    const redis = await lab.redis('generator')
    const child = new Child([APPEND], machine.cores?.server)
    try {
      await child.call('connect', redis.url)
      /** @type {number[]} */
      const costs = []
      for (const isKept of [false, true]) {
        await child.call('publish', { isKept, messages: MESSAGES / 10 })
        const before = snapshot(redis.pid, child.pid, machine.cores)
        const published = await child.call('publish', { isKept, messages: MESSAGES })
        if (published !== MESSAGES)
          throw new Error(`${MESSAGES} messages must be published (${published} were)`)
        const { server } = spent(before, snapshot(redis.pid, child.pid, machine.cores))
        costs.push((server * 1e6) / MESSAGES)
      }
      return costs
    } finally {
      await child.kill()
    }
  })
}

/**
 * @param {string} name
 * @param {number} number
 * @param {import('./machine.mjs').Machine} machine
 * @returns {Promise<import('./cluster/report.mjs').Round>}
 */
async function round(name, number, machine) {
  const { loads, one, many } = comparisons[name]
  const runs = { one, many }
  /** @type {Partial<import('./cluster/report.mjs').Round>} */
  const outcomes = {}
  const sides = /** @type {const} */ (['one', 'many'])
  // Alternate the order, so that no side is always the second.
  for (const side of number % 2 === 0 ? sides : sides.toReversed()) {
    const outcome = await withLab(machine, (lab) => runs[side](lab, loads))
    outcomes[side] = outcome
    const figures = outcome.figures.map(
      ({ cpu, foreign }) => `${cpu.toFixed(2)} µs (others ${foreign.toFixed(2)})`,
    )
    note(`${name} ${number + 1} ${side}: ${figures.join(', ')}`)
  }
  return /** @type {import('./cluster/report.mjs').Round} */ (outcomes)
}

async function main() {
  const machine = inspectMachine()
  const names = options.only.split(',')
  const unknown = names.filter((name) => !(name in comparisons))
  if (unknown.length > 0)
    throw new Error(`unknown comparison ${unknown.join()}. Valid ones: ${Object.keys(comparisons).join(' ')}`)
  /** @type {import('./cluster/report.mjs').Results} */
  const results = Object.fromEntries(names.map((name) => [name, []]))
  /** @type {number[]} */
  const times = []
  /** @type {number[][]} */
  const appends = []
  // Rounds are the outer loop, so that a drift over minutes affects all comparisons alike.
  for (let number = 0; number < Number(options.rounds); number++) {
    for (const name of names) results[name].push(await round(name, number, machine))
    times.push(await subscribe(machine))
    appends.push(await append(machine))
  }
  const { text, isGood } = report(results)
  const topics = `${TOPICS} topics are subscribed to at once in ${median(times).toFixed(0)} ms.`
  const [plain, kept] = [0, 1].map((index) => median(appends.map((costs) => costs[index])).toFixed(1))
  const costs = `A message costs Redis ${plain} µs, with a history ${kept} µs.`
  process.stdout.write(`${machine.description}\n\n${text}\n${topics}\n${costs}\n`)
  if (!isGood) process.exitCode = 1
}

if (options.help) process.stdout.write(`${HELP}\n`)
else await main()
