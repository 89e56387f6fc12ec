import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../listen.mjs'

/** @typedef {{ folder: string, appendfsync: 'always' | 'everysec' }} Persistence */

/** A separate redis-server, by default without persistence; runs until it is killed. */
export class Redis {
  #command
  #process
  #port

  /**
   * @param {number} port
   * @param {number | undefined} core to run on; if undefined, the kernel chooses
   * @param {Persistence | null} persistence
   */
  constructor(port, core, persistence) {
    const pinned = core === undefined ? [] : ['taskset', '-c', String(core)]
    const kept =
      persistence === null
        ? ['--appendonly', 'no']
        : ['--appendonly', 'yes', '--appendfsync', persistence.appendfsync, '--dir', persistence.folder]
    const own = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '']
    this.#command = [...pinned, ...own, ...kept]
    this.#process = this.#spawn()
    this.#port = port
  }

  /**
   * @param {number} [core]
   * @param {Persistence | null} [persistence]
   */
  static async start(core, persistence = null) {
    const redis = new Redis(await freePort(), core, persistence)
    await redis.#answers()
    return redis
  }

  /** Kills the server and starts it again, on the same port and with the data on its disk. */
  async restart() {
    await this.kill()
    this.#process = this.#spawn()
    await this.#answers()
  }

  get url() {
    return `redis://127.0.0.1:${this.#port}`
  }

  get pid() {
    return this.#process.pid ?? 0
  }

  /**
   * Sends one command. Resolves with the first part of the reply, or '' if there is none.
   * @param {string} command
   * @returns {Promise<string>}
   */
  ask(command) {
    return new Promise((resolve) => {
      const socket = net.connect(this.#port, '127.0.0.1', () => socket.write(`${command}\r\n`))
      socket.on('error', () => resolve(''))
      socket.once('data', (reply) => {
        resolve(reply.toString())
        socket.destroy()
      })
    })
  }

  async kill() {
    const exited = once(this.#process, 'exit')
    if (this.#process.kill('SIGKILL')) await exited
  }

  #spawn() {
    const [command = '', ...args] = this.#command
    return spawn(command, args, { stdio: 'ignore' })
  }

  async #answers() {
    for (let tries = 0; (await this.ask('PING')) !== '+PONG\r\n'; tries++) {
      if (tries === 200) throw new Error('redis-server does not answer: is it installed?')
      await sleep(25)
    }
  }
}
