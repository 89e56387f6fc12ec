import { setTimeout as sleep } from 'node:timers/promises'
import { quantiles } from '../stats.mjs'
import { Heard } from './heard.mjs'
import { Line } from './line.mjs'

// Maximum milliseconds until all clients have received a first message.
const READY_WITHIN = 60_000

// Milliseconds without a new message after which missing messages count as lost.
const QUIET_MS = 8_000

// Milliseconds between two attempts to publish.
const REPEAT_MS = 50
// Milliseconds without a response after which an attempt to publish has failed.
const ANSWER_WITHIN = 5_000

/**
 * @typedef {object} Size
 * @property {number} clients
 * @property {number} messages
 * @property {number} everyMs milliseconds between two messages
 * @property {readonly [number, number]} onlineMs milliseconds between coming back and the next cut
 * @property {number} offlineMs
 *
 * @typedef {object} Outcome
 * @property {number} heard
 * @property {number} of
 * @property {number} doubled
 * @property {number} misordered
 * @property {number} p50
 * @property {number} p99
 * @property {number} cuts
 * @property {number} gaps
 * @property {number} silentlyLost
 * @property {number} repeated attempts to publish that were not confirmed
 */

/** One kind of client with its servers. */
export class Contestant {
  #topic
  #ports
  #connect
  /** @type {{ line: Line, heard: Heard, client: { close(): void } }[]} */
  #members = []
  #cuts = 0
  #repeated = 0

  /**
   * @param {string} topic
   * @param {readonly number[]} ports
   * @param {import('./clients.mjs').Connect} connect
   */
  constructor(topic, ports, connect) {
    this.#topic = topic
    this.#ports = ports
    this.#connect = connect
  }

  /**
   * Connects all clients. Resolves when each client has received a first message, whose number is 0 or less.
   * @param {Size} size
   */
  async open({ clients }) {
    for (let index = 0; index < clients; index++) {
      const line = new Line(this.#ports, index)
      const heard = new Heard()
      this.#members.push({ line, heard, client: this.#connect(await line.open(), heard) })
    }
    const until = performance.now() + READY_WITHIN
    for (let n = 0; !this.#members.every(({ heard }) => heard.hasAny); n--) {
      if (performance.now() > until) throw new Error(`${this.#topic}: not all clients have joined`)
      await this.publish(n)
      await sleep(500)
    }
  }

  /** Cuts the lines of all clients again and again, until the signal. @param {Size} size @param {AbortSignal} over */
  async cut({ onlineMs: [least, most], offlineMs }, over) {
    /** @param {number} ms */
    const pause = (ms) => sleep(ms, undefined, { signal: over }).catch(() => {})
    const lines = this.#members.map(async ({ line }) => {
      // Spread the first cuts of the clients over a whole period.
      await pause(Math.random() * most)
      while (!over.aborted) {
        this.#cuts += 1
        line.cut()
        await sleep(offlineMs)
        line.restore()
        await pause(least + Math.random() * (most - least))
      }
    })
    await Promise.all(lines)
  }

  /** Publishes a message, again and again with the same key until the server confirms it. @param {number} n */
  async publish(n) {
    const payload = { n, at: performance.now() }
    const body = JSON.stringify({ topic: this.#topic, event: 'msg', payload, key: `key ${n}` })
    for (let turn = Math.abs(n); !(await this.#post(body, turn)); turn++) {
      this.#repeated += 1
      await sleep(REPEAT_MS)
    }
  }

  /** Waits for the messages that are still on their way, then counts. @param {Size} size @returns {Promise<Outcome>} */
  async outcome({ messages }) {
    const count = () => this.#members.reduce((total, { heard }) => total + heard.size, 0)
    let [heard, until] = [0, 0]
    while (heard < this.#members.length * messages && (heard < count() || performance.now() < until)) {
      if (heard < count()) until = performance.now() + QUIET_MS
      heard = count()
      await sleep(100)
    }
    const all = this.#members.map(({ heard }) => heard)
    /** @param {(heard: Heard) => number} figure */
    const sum = (figure) => all.reduce((total, heard) => total + figure(heard), 0)
    const [p50, p99] = quantiles(
      all.flatMap(({ delays }) => delays),
      [0.5, 0.99],
    )
    return {
      heard: sum(({ size }) => size),
      of: all.length * messages,
      doubled: sum(({ doubled }) => doubled),
      misordered: sum(({ misordered }) => misordered),
      p50,
      p99,
      cuts: this.#cuts,
      gaps: sum(({ gaps }) => gaps),
      silentlyLost: sum((heard) => heard.silentlyLost(messages)),
      repeated: this.#repeated,
    }
  }

  close() {
    for (const { line, client } of this.#members) {
      client.close()
      line.close()
    }
  }

  /** @param {string} body @param {number} turn */
  async #post(body, turn) {
    const url = `http://127.0.0.1:${this.#ports[turn % this.#ports.length]}/publish`
    const signal = AbortSignal.timeout(ANSWER_WITHIN)
    const headers = { 'content-type': 'application/json' }
    try {
      const { status } = await fetch(url, { method: 'POST', headers, body, signal })
      if (status === 202 || status === 503) return status === 202
      throw new RangeError(`${this.#topic}: a publish was answered with status ${status}`)
    } catch (error) {
      if (error instanceof RangeError) throw error
      return false
    }
  }
}
