import { fileURLToPath } from 'node:url'
import { Child } from '../child.mjs'
import { freePort, listening } from '../listen.mjs'
import { snapshot, spent, writeCalls } from '../measure.mjs'
import { Redis } from './redis.mjs'

const GENERATOR = fileURLToPath(new URL('../load/main.mjs', import.meta.url))

/**
 * @typedef {object} Load
 * @property {string} title
 * @property {number} [atMost] maximum cost of the cluster divided by that of the one process
 * @property {object} warmup request to the generator to publish
 * @property {object} load
 *
 * @typedef {object} Stage system under load
 * @property {object} members request to the generator to join
 * @property {() => number[]} counted processes whose CPU is divided by the deliveries
 * @property {() => number[]} others our other processes, whose CPU is not counted
 *
 * @typedef {object} Figure
 * @property {number} cpu µs per delivery
 * @property {number} joined average number of deliveries per write system call
 * @property {number} foreign CPU of other processes, in cores
 * @property {string[]} faults
 */

/** Processes of one run. */
export class Lab {
  /** @type {(Child | Redis)[]} */
  #processes = []
  #cores

  /** @param {import('../machine.mjs').Machine} machine */
  constructor({ cores }) {
    this.#cores = cores
  }

  /**
   * Starts a server and waits until it listens.
   * @param {string} file
   * @param {'server' | 'generator'} core
   * @param {Record<string, string>} [env]
   */
  async server(file, core, env = {}) {
    const port = await freePort()
    const own = {
      PORT: String(port),
      ALLOW_ANONYMOUS: '1',
      LOG_LEVEL: 'error',
      NOTIFY_EVERY_MS: '0',
      SECRET_KEY_BASE: 'of-all-nodes-of-a-run',
    }
    const child = new Child([file], this.#cores?.[core], { ...own, ...env })
    this.#processes.push(child)
    await listening(child, port)
    return { child, port }
  }

  /** @param {'server' | 'generator'} core */
  async redis(core) {
    const redis = await Redis.start(this.#cores?.[core])
    this.#processes.push(redis)
    return redis
  }

  /**
   * Connects all members, then runs one load after the other.
   * @param {Stage} stage
   * @param {readonly Load[]} loads
   */
  async measure({ members, counted, others }, loads) {
    const generator = new Child([GENERATOR], this.#cores?.generator)
    this.#processes.push(generator)
    await generator.call('join', members)
    /** @type {Figure[]} */
    const figures = []
    for (const { warmup, load } of loads) {
      await generator.call('publish', warmup)
      const sides = () => snapshot(counted(), [generator.pid, ...others()], this.#cores)
      const before = sides()
      const writesBefore = writeCalls(counted())
      const { units, lost, doubled, misordered, faults } = await generator.call('publish', load)
      const cost = spent(before, sides())
      if (lost + doubled + misordered > 0)
        faults.push(`${lost}/${doubled}/${misordered} lost/doubled/misordered`)
      const joined = units / (writeCalls(counted()) - writesBefore)
      figures.push({ cpu: (cost.server * 1e6) / units, joined, foreign: cost.foreign, faults })
    }
    return figures
  }

  /** Ends all processes. */
  async clear() {
    await Promise.all(this.#processes.map((each) => each.kill()))
  }
}
