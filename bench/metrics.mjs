// Measures the cost of metrics: `npm run bench:metrics`. In one process metrics are switched on and off in alternating
// slices of time, under a constant load. The figure is the median of CPU per message with metrics ÷ without.
import { fileURLToPath } from 'node:url'
import { Child } from './child.mjs'
import { freePort, listening } from './listen.mjs'
import { inspectMachine } from './machine.mjs'
import { median, quantiles } from './stats.mjs'

const LIMIT = 1.05
const PAIRS = 24
const SLICE_MS = 1_000

const scenarios = [
  {
    title: 'fan-out to 1,000, window 1',
    phase: 'publish',
    rooms: 1,
    roomSize: 1_000,
    load: { messages: 500 },
  },
  {
    title: 'fan-out to 1,000, window 8',
    phase: 'publish',
    rooms: 1,
    roomSize: 1_000,
    load: { messages: 1_500, window: 8 },
  },
  { title: 'echo, 50 connections', phase: 'echo', rooms: 50, roomSize: 1, load: { seconds: 5 } },
]

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))
const machine = inspectMachine()

/** @param {(typeof scenarios)[number]} scenario */
async function measure({ phase, rooms, roomSize, load }) {
  const port = await freePort()
  const server = new Child([path('./metrics-server.mjs')], machine.cores?.server, { PORT: String(port) })
  const generator = new Child([path('./load/main.mjs')], machine.cores?.generator)
  try {
    await listening(server, port)
    await generator.call('join', { protocol: 'phoenix', port, rooms, roomSize })
    let isOver = false
    const loading = (async () => {
      while (!isOver) await generator.call(phase, load)
    })()
    await server.call('pairs', { count: 3, ms: SLICE_MS, isOn: true }) // warms up
    const on = await server.call('pairs', { count: PAIRS, ms: SLICE_MS, isOn: true })
    const off = await server.call('pairs', { count: PAIRS, ms: SLICE_MS, isOn: false })
    isOver = true
    await loading
    return { on, off }
  } finally {
    await Promise.all([server.kill(), generator.kill()])
  }
}

const cell = (/** @type {number} */ ratio) => ratio.toFixed(3).padStart(10)
console.log(machine.description)
console.log('CPU per message'.padEnd(30), '    on/off', '  quartiles         ', '       A/A')
let isWithin = true
for (const scenario of scenarios) {
  const { on, off } = await measure(scenario)
  const [low = Number.NaN, high = Number.NaN] = quantiles(on, [0.25, 0.75])
  console.log(scenario.title.padEnd(30), cell(median(on)), cell(low), cell(high), cell(median(off)))
  isWithin &&= median(on) <= LIMIT
}
if (!isWithin) {
  console.error(`the ratio must be at most ${LIMIT}`)
  process.exitCode = 1
}
