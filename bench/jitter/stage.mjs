import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Child } from '../child.mjs'
import { Redis } from '../cluster/redis.mjs'
import { freePort, listening } from '../listen.mjs'
import { phoenixClient, socketIoClient } from './clients.mjs'
import { Contestant } from './contestant.mjs'

const PEER = fileURLToPath(new URL('../peers/socketio-rooms.mjs', import.meta.url))

/** Kinds of clients, in the order of the report. */
export const titles = {
  ours: 'fastify-phoenix',
  oursRecovery: 'fastify-phoenix, recoverable',
  socketio: 'Socket.IO',
  socketioRecovery: 'Socket.IO, connectionStateRecovery',
}
/** @typedef {keyof typeof titles} Name */

/**
 * @typedef {object} Setting
 * @property {string} built folder of the built reference app and client
 * @property {number} nodes number of our nodes; Socket.IO always has one node
 * @property {'always' | 'everysec' | null} appendfsync of Redis; null without persistence
 */

/** Servers of all contestants. Each contestant has its own, so that they do not wait for each other. */
export class Stage {
  #setting
  /** @type {(Child | Redis)[]} */
  #processes = []
  /** @type {Redis | null} */
  #redis = null
  /** @type {string | null} */
  #folder = null

  /** @param {Setting} setting */
  constructor(setting) {
    this.#setting = setting
  }

  /** Starts all servers. @returns {Promise<Record<Name, Contestant>>} */
  async start() {
    const { built, nodes, appendfsync } = this.#setting
    if (nodes > 1) {
      this.#folder = await mkdtemp(join(tmpdir(), 'jitter-'))
      this.#redis = await Redis.start(undefined, appendfsync && { folder: this.#folder, appendfsync })
      this.#processes.push(this.#redis)
    }
    const { recoverable } = await import(pathToFileURL(join(built, 'client.js')).href)
    const app = join(built, 'main.js')
    return {
      ours: new Contestant('plain:jitter', await this.#ours(app), phoenixClient('plain:jitter', null)),
      oursRecovery: new Contestant(
        'log:jitter',
        await this.#ours(app),
        phoenixClient('log:jitter', recoverable),
      ),
      socketio: new Contestant('jitter', [await this.#server(PEER, {})], socketIoClient),
      socketioRecovery: new Contestant(
        'jitter',
        [await this.#server(PEER, { RECOVERY: '1' })],
        socketIoClient,
      ),
    }
  }

  /** Kills Redis with SIGKILL and starts it again with the data on its disk. */
  async restartRedis() {
    await this.#redis?.restart()
  }

  async clear() {
    await Promise.all(this.#processes.map((each) => each.kill()))
    if (this.#folder !== null) await rm(this.#folder, { recursive: true })
  }

  /** Starts nodes of the reference app. Resolves with their ports. @param {string} app */
  #ours(app) {
    const { nodes, appendfsync } = this.#setting
    const env = {
      ...(this.#redis === null
        ? {}
        : { REDIS_URL: this.#redis.url, SECRET_KEY_BASE: 'the-same-on-all-nodes-of-the-bench' }),
      ...(appendfsync === 'always' ? { REDIS_DURABLE: '1' } : {}),
    }
    return Promise.all(Array.from({ length: nodes }, () => this.#server(app, env)))
  }

  /** @param {string} file @param {Record<string, string>} env */
  async #server(file, env) {
    const port = await freePort()
    const own = { PORT: String(port), ALLOW_ANONYMOUS: '1', LOG_LEVEL: 'error', NOTIFY_EVERY_MS: '0' }
    const child = new Child([file], undefined, { ...own, ...env })
    this.#processes.push(child)
    await listening(child, port)
    return port
  }
}
