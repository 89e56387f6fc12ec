import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Child } from './child.mjs'
import { freePort, listening } from './listen.mjs'
import { residentBytes, snapshot, spent } from './measure.mjs'
import { median } from './stats.mjs'

const LOAD = fileURLToPath(new URL('./load/main.mjs', import.meta.url))
const PROBE = new URL('./probe.mjs', import.meta.url).href

// Milliseconds for a server to become idle.
const SETTLE = 300

/**
 * Result of one round for one server. Times per unit in microseconds, latencies in milliseconds, memory in bytes per
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
 * @typedef {object} Slice CPU seconds, and the counts of the generator
 * @property {ReturnType<typeof spent>} cost
 * @property {{ units: number, milliseconds: number, p50: number, p99: number, lost?: number, doubled?: number,
 *   misordered?: number, faults?: string[] }} seen
 */

/** A fresh process of one server and the generator that loads it, in one round of one scenario. */
export class Contestant {
  #server
  #scenario
  #cores
  #port = 0
  /** @type {Child | undefined} */
  #process
  #generator
  /** @type {ReturnType<typeof snapshot> | undefined} */
  #before
  /** @type {Slice[]} */
  #slices = []
  /** @type {import('./targets.mjs').Figures} */
  #memory = {}
  /** @type {string[]} */
  #faults = []

  /**
   * @param {import('./servers.mjs').Server} server
   * @param {import('./scenarios.mjs').Scenario} scenario
   * @param {import('./machine.mjs').Machine} machine
   */
  constructor(server, scenario, { cores }) {
    this.#server = server
    this.#scenario = scenario
    this.#cores = cores
    this.#generator = new Child([LOAD], cores?.generator)
  }

  /**
   * Runs a part of the round, unless an earlier part has failed.
   * @param {'start' | 'warmUp' | 'slice' | 'hold'} part
   */
  async do(part) {
    if (this.#faults.length > 0) return
    try {
      if (part === 'start') await this.#start()
      else if (part === 'warmUp') await this.#warmUp()
      else if (part === 'slice') await this.#slice()
      else await this.#hold()
    } catch (error) {
      this.#faults.push(error instanceof Error ? error.message : String(error))
    }
  }

  /** Returns the result of the whole round. @returns {Outcome} */
  get outcome() {
    if (this.#faults.length > 0) return { faults: this.#faults }
    if (this.#scenario.phase === 'hold') return { ...this.#memory, faults: [] }
    return { ...this.#total(), faults: this.#slices.flatMap(({ seen }) => seen.faults ?? []) }
  }

  /** Ends both processes. */
  async end() {
    await Promise.all([this.#process?.kill(), this.#generator.kill()])
  }

  /** Connects the members, and warms the server up under load. */
  async #warmUp() {
    const { phase, members, warmup } = this.#scenario
    if (phase === 'join') {
      await this.#join({ ...members, ...warmup })
      await this.#generator.call('leave')
      await sleep(SETTLE)
    } else {
      await this.#join(members)
      await this.#generator.call(phase, warmup)
    }
  }

  /** Runs one slice of the load and measures it. */
  async #slice() {
    const { phase, members, load } = this.#scenario
    const before = this.#snapshot()
    this.#before ??= before
    const seen = await (phase === 'join'
      ? this.#join({ ...members, ...load })
      : this.#generator.call(phase, load))
    if (seen.units === 0) throw new Error('the generator counted no units')
    this.#slices.push({ cost: spent(before, this.#snapshot()), seen })
  }

  /** Returns the sums of the counts over all slices, and the medians of the latencies of the slices. */
  #total() {
    // Include the work between the slices, such as garbage collection, because the load causes it.
    const { server } = spent(this.#before ?? this.#snapshot(), this.#snapshot())
    const sum = (/** @type {(slice: Slice) => number} */ figure) =>
      this.#slices.reduce((total, slice) => total + figure(slice), 0)
    const units = sum(({ seen }) => seen.units)
    const milliseconds = sum(({ seen }) => seen.milliseconds)
    const counts = {
      lost: sum(({ seen }) => seen.lost ?? 0),
      doubled: sum(({ seen }) => seen.doubled ?? 0),
      misordered: sum(({ seen }) => seen.misordered ?? 0),
    }
    return {
      cpu: (server * 1e6) / units,
      rate: (units * 1_000) / milliseconds,
      p50: median(this.#slices.map(({ seen }) => seen.p50)),
      p99: median(this.#slices.map(({ seen }) => seen.p99)),
      foreign: sum(({ cost }) => cost.foreign * cost.wall) / sum(({ cost }) => cost.wall),
      generatorLoad: (sum(({ cost }) => cost.generator) * 1_000) / milliseconds,
      ...(this.#scenario.phase === 'join' ? {} : counts),
    }
  }

  /** Measures the memory of the server with all members connected and idle. */
  async #hold() {
    const { members, load } = this.#scenario
    await this.#start()
    const emptyHeap = await this.#heapAfterGc()
    // Measure RSS in a new process, because the forced collection has returned pages and changed the layout of the
    // heap.
    await this.#process?.kill()
    await this.#start()
    const emptyRss = residentBytes(this.#pid)
    const { units } = await this.#join(members)
    await sleep(load.settleSeconds * 1_000)
    const rss = (residentBytes(this.#pid) - emptyRss) / units
    const heap = ((await this.#heapAfterGc()) - emptyHeap) / units
    const alive = await this.#generator.call('alive')
    this.#memory = { rss, heap }
    if (alive !== units) this.#faults.push(`${units - alive} connections were closed`)
  }

  async #start() {
    this.#port = await freePort()
    const args = ['--expose-gc', '--import', PROBE, this.#server.file]
    const env = { PORT: String(this.#port), LOG_LEVEL: this.#server.logLevel ?? 'silent' }
    this.#process = new Child(args, this.#cores?.server, env)
    await listening(this.#process, this.#port)
    await sleep(SETTLE)
  }

  get #pid() {
    return this.#process?.pid ?? 0
  }

  /** @returns {Promise<number>} */
  #heapAfterGc() {
    return this.#process?.call('heapAfterGc') ?? Promise.resolve(Number.NaN)
  }

  /** @param {object} members @returns {Promise<Slice['seen']>} */
  #join(members) {
    return this.#generator.call('join', { protocol: this.#server.protocol, port: this.#port, ...members })
  }

  #snapshot() {
    return snapshot(this.#pid, this.#generator.pid, this.#cores)
  }
}
