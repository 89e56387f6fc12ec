import { quantiles } from '../stats.mjs'
import { EchoClient } from './echo-client.mjs'
import { Progress } from './progress.mjs'

/**
 * @typedef {object} EchoRequest
 * @property {number} seconds
 * @property {number} [window] requests of one connection on their way at any time; default 1
 * @property {number} [bodySize] characters; default 64
 * @property {number} [stallAfter] milliseconds without a reply after which the phase is given up; default 3,000
 */

/** One phase in which every connection sends a request, waits for the reply, and repeats. */
export class Echoing {
  #clients
  #until
  /** @type {number[]} */
  #latencies = []
  /** @type {string[]} */
  #faults = []
  #waiting = 0
  misordered = 0
  doubled = 0

  /**
   * @param {readonly import('./connection.mjs').Connection[]} connections
   * @param {EchoRequest} request
   */
  constructor(connections, { seconds, window = 1, bodySize = 64, stallAfter = 3_000 }) {
    this.bodySize = bodySize
    this.window = window
    this.progress = new Progress(stallAfter)
    this.#until = performance.now() + seconds * 1_000
    this.#clients = connections.map((connection) => {
      const client = new EchoClient(connection, this)
      connection.listener = client
      return client
    })
  }

  /** Sends requests until the end of the phase, then waits for the last replies. All times in milliseconds. */
  async run() {
    const startedAt = performance.now()
    for (const client of this.#clients) {
      for (let i = 0; i < this.window; i++) this.ask(client)
    }
    await this.progress.ended
    const milliseconds = performance.now() - startedAt
    const [p50, p99] = quantiles(this.#latencies, [0.5, 0.99])
    const { doubled, misordered } = this
    const counts = { lost: this.#waiting, doubled, misordered }
    return { units: this.progress.count, milliseconds, p50, p99, ...counts, faults: this.#faults }
  }

  /** @param {EchoClient} client */
  ask(client) {
    this.#waiting++
    client.ask()
  }

  /**
   * @param {EchoClient} client
   * @param {number} askedAt
   */
  answered(client, askedAt) {
    const now = performance.now()
    this.progress.count++
    this.#waiting--
    this.#latencies.push(now - askedAt)
    if (now < this.#until) this.ask(client)
    else if (this.#waiting === 0) this.progress.finish()
  }

  /** @param {string} reason */
  fault(reason) {
    if (this.#faults.length < 5) this.#faults.push(reason)
  }
}
