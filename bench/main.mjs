// Measures this server and its peers side by side: see README.md.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { inspectMachine } from './machine.mjs'
import { faults, judge, report, sameServer } from './report.mjs'
import { round } from './round.mjs'
import { scenarios, shorten } from './scenarios.mjs'
import { servers } from './servers.mjs'

const HELP = `npm run bench -- [options]
  --quick          one short round of everything, in two minutes: checks the counting, not the speed
  --only a,b       scenarios: ${Object.keys(scenarios).join(' ')}
  --servers a,b    servers: ${Object.keys(servers).join(' ')};
                   default: those that a scenario's targets need
  --rounds N       rounds of every scenario; default 7, connect 15, memory 3
  --json           print one JSON object instead of the tables`

// Limits of noise: if other processes use more than FOREIGN_LIMIT cores, the round is repeated. After TRIES tries, the
// quietest round counts.
const FOREIGN_LIMIT = 0.1
const TRIES = 3

// Slices per server and round.
const SLICES = 6

// Milliseconds after which --quick starts no further round.
const QUICK_LIMIT = 100_000

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(scenarios).join() },
    servers: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** @typedef {{ name: string, scenario: import('./scenarios.mjs').Scenario, servers: string[], rounds: number }} Job */

/** @param {string} line */
const note = (line) => process.stderr.write(`${line}\n`)

/**
 * @param {string} list
 * @param {object} known
 */
function names(list, known) {
  const chosen = list.split(',')
  const unknown = chosen.filter((name) => !(name in known))
  if (unknown.length > 0)
    throw new Error(`unknown name ${unknown.join()}. Valid names: ${Object.keys(known).join(' ')}`)
  return chosen
}

/**
 * @param {import('./machine.mjs').Machine} machine
 * @returns {Job[]}
 */
function plan(machine) {
  const chosen = names(options.servers ?? Object.keys(servers).join(), servers).filter((name) => {
    if (options.quick && name === 'again') return false // one short round says nothing about the noise
    const isBuilt = existsSync(servers[/** @type {keyof typeof servers} */ (name)].file)
    if (!isBuilt) note(`left out ${name}: not built`)
    return isBuilt
  })
  return names(options.only, scenarios).flatMap((name) => {
    const scenario = options.quick ? shorten(scenarios[name]) : scenarios[name]
    const files = scenario.members.rooms * scenario.members.roomSize + 100
    if (files > machine.maxFiles) {
      note(`left out ${name}: needs ${files} open files, the hard limit is ${machine.maxFiles} (ulimit -Hn)`)
      return []
    }
    const needed = options.servers === undefined ? scenario.servers : undefined
    const wanted = chosen.filter((server) => needed?.some((each) => each === server) ?? true)
    return [{ name, scenario, servers: wanted, rounds: Number(options.rounds ?? scenario.rounds ?? 7) }]
  })
}

/**
 * @param {Job} job
 * @param {number} number
 * @param {import('./machine.mjs').Machine} machine
 */
async function tellRound({ name, scenario, servers: wanted }, number, machine) {
  const first = number % wanted.length
  const order = [...wanted.slice(first), ...wanted.slice(0, first)]
  const outcomes = await round(scenario, order, { machine, slices: options.quick ? 1 : SLICES })
  for (const [server, outcome] of Object.entries(outcomes)) {
    note(`${name} ${number + 1} ${server}: ${progress(outcome)}`)
  }
  return outcomes
}

/** @param {import('./contestant.mjs').Outcome} outcome */
function progress({ cpu, rss, foreign = 0, generatorLoad = 0, faults }) {
  if (faults.length > 0) return faults.join('; ')
  if (cpu === undefined) return `${rss?.toFixed(0)} B`
  const bound = generatorLoad > 0.93 ? ', the generator was busy all the time' : ''
  return `${cpu.toFixed(2)} µs, others used ${foreign.toFixed(2)} cores${bound}`
}

/**
 * Repeats a round in which other processes used the cores. Resolves with the quietest round.
 * @param {Job} job
 * @param {number} number
 * @param {import('./machine.mjs').Machine} machine
 */
async function quietRound(job, number, machine) {
  let quietest = await tellRound(job, number, machine)
  for (let attempt = 2; foreign(quietest) > FOREIGN_LIMIT && attempt <= TRIES && !options.quick; attempt++) {
    note(`${job.name} ${number + 1}: others used the cores, try ${attempt} of ${TRIES}`)
    const next = await tellRound(job, number, machine)
    if (foreign(next) < foreign(quietest)) quietest = next
  }
  return quietest
}

/** @param {Record<string, import('./contestant.mjs').Outcome>} outcomes */
const foreign = (outcomes) => Math.max(...Object.values(outcomes).map((outcome) => outcome.foreign ?? 0))

async function main() {
  const machine = inspectMachine()
  const jobs = plan(machine)
  /** @type {import('./report.mjs').Results} */
  const results = {}
  // Rounds are the outer loop, so that a drift over an hour affects all scenarios alike.
  for (let number = 0; number < Math.max(...jobs.map((job) => job.rounds)); number++) {
    for (const job of jobs.filter(({ rounds }) => number < rounds)) {
      if (options.quick && performance.now() > QUICK_LIMIT) {
        note(`left out ${job.name}: no time`)
        continue
      }
      results[job.name] = [...(results[job.name] ?? []), await quietRound(job, number, machine)]
    }
  }
  const judged = judge(results)
  const pairs = sameServer(results)
  if (options.json) {
    const { cores, description } = machine
    process.stdout.write(
      `${JSON.stringify({ description, cores, results, targets: judged, sameServer: pairs }, null, 2)}\n`,
    )
  } else
    process.stdout.write(
      `${machine.description}\n\n${report(results)}\n\n${verdict(judged, pairs, results)}\n`,
    )
  const isWrong = faults(results).length > 0
  if (isWrong || (!options.quick && judged.some(({ isMet }) => !isMet))) process.exitCode = 1
}

/**
 * @param {ReturnType<typeof judge>} judged
 * @param {ReturnType<typeof sameServer>} pairs
 * @param {import('./report.mjs').Results} results
 */
function verdict(judged, pairs, results) {
  const met = judged.filter(({ isMet }) => isMet).length
  const noisy = Object.values(results)
    .flat()
    .filter((outcomes) => foreign(outcomes) > FOREIGN_LIMIT).length
  const far = pairs.filter(({ isClose }) => !isClose).length
  const worth =
    far === 0 && noisy === 0 && !options.quick ? 'This run counts.' : 'This run does not count as a whole:'
  const reasons = [
    ...(far > 0 ? [`A/A is out of bounds in ${far} of ${pairs.length}`] : []),
    ...(noisy > 0 ? [`others used the cores in ${noisy} rounds`] : []),
    ...(options.quick ? ['--quick compares nothing'] : []),
  ]
  return `${met} of ${judged.length} targets met. ${worth} ${reasons.join('; ')}`.trim()
}

if (options.help) process.stdout.write(`${HELP}\n`)
else await main()
