// Counts the messages that clients with a bad network receive: see README.md.
import { setMaxListeners } from 'node:events'
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { broken, report } from './jitter/report.mjs'
import { Stage } from './jitter/stage.mjs'
import { inspectMachine } from './machine.mjs'

const HELP = `npm run jitter -- [options]
  --nodes N       nodes of ours: 1 (default), or more behind a round-robin over Redis
  --kill MODE     kills Redis once, with appendfsync "always" (and durable) or "everysec"; two nodes
  --quick         20 clients and 40 messages, in half a minute: checks the counting, not the speed
  --json          prints one JSON object instead of the table
  --built FOLDER  folder of the built reference app; default dist/conformance`

const DIST = fileURLToPath(new URL('../dist/conformance', import.meta.url))

/** The public jitter profile. @type {import('./jitter/contestant.mjs').Size} */
const FULL = { clients: 200, messages: 120, everyMs: 500, onlineMs: [15_000, 20_000], offlineMs: 2_000 }
/** @type {import('./jitter/contestant.mjs').Size} */
const QUICK = { clients: 20, messages: 40, everyMs: 150, onlineMs: [1_500, 2_000], offlineMs: 200 }

const { values: options } = parseArgs({
  options: {
    nodes: { type: 'string' },
    kill: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    built: { type: 'string', default: DIST },
    help: { type: 'boolean', default: false },
  },
})

/** @returns {import('./jitter/stage.mjs').Setting} */
function readSetting() {
  const { kill, built, nodes = kill === undefined ? '1' : '2' } = options
  if (kill !== undefined && kill !== 'always' && kill !== 'everysec')
    throw new Error(`invalid --kill "${kill}". Valid ones: always everysec`)
  if (kill !== undefined && Number(nodes) < 2) throw new Error('--kill requires at least two nodes')
  return { built, nodes: Number(nodes), appendfsync: kill ?? null }
}

/**
 * Publishes all messages at their times, each to all contestants.
 * @param {readonly import('./jitter/contestant.mjs').Contestant[]} contestants
 * @param {import('./jitter/contestant.mjs').Size} size
 * @param {Stage} stage
 */
async function publish(contestants, { messages, everyMs }, stage) {
  const begun = performance.now()
  // Publish the messages of a contestant one after the other, so that their order is that of their numbers.
  const last = contestants.map(() => Promise.resolve())
  for (let n = 1; n <= messages; n++) {
    contestants.forEach((each, index) => {
      last[index] = last[index].then(() => each.publish(n))
    })
    if (options.kill !== undefined && n === messages / 2) await stage.restartRedis()
    await sleep(Math.max(0, begun + n * everyMs - performance.now()))
  }
  await Promise.all(last)
}

/** @param {Stage} stage @param {import('./jitter/contestant.mjs').Size} size */
async function run(stage, size) {
  const contestants = await stage.start()
  const all = Object.values(contestants)
  try {
    await Promise.all(all.map((each) => each.open(size)))
    const over = new AbortController()
    setMaxListeners(0, over.signal)
    const cutting = all.map((each) => each.cut(size, over.signal))
    await publish(all, size, stage)
    over.abort()
    await Promise.all(cutting)
    const entries = Object.entries(contestants).map(
      async ([name, each]) => /** @type {const} */ ([name, await each.outcome(size)]),
    )
    return /** @type {import('./jitter/report.mjs').Outcomes} */ (
      Object.fromEntries(await Promise.all(entries))
    )
  } finally {
    for (const each of all) each.close()
  }
}

async function main() {
  const setting = readSetting()
  const stage = new Stage(setting)
  try {
    const outcomes = await run(stage, options.quick ? QUICK : FULL)
    const faults = broken(outcomes, { mayLose: options.kill === 'everysec', isTimed: !options.quick })
    const load = os.loadavg().map((figure) => figure.toFixed(1))
    const { nodes, appendfsync } = setting
    const profile = `nodes: ${nodes}, Redis ${appendfsync === null ? 'not killed' : `killed once, appendfsync ${appendfsync}`}`
    if (options.json) process.stdout.write(`${JSON.stringify({ setting, load, outcomes, faults })}\n`)
    else
      process.stdout.write(
        `${inspectMachine().description}\n${profile}, load ${load.join(' ')}\n\n${report(outcomes)}\n${faults.map((fault) => `FAULT ${fault}\n`).join('')}`,
      )
    if (faults.length > 0) process.exitCode = 1
  } finally {
    await stage.clear()
  }
}

if (options.help) process.stdout.write(`${HELP}\n`)
else await main()
