import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../listen.mjs'

/** A separate redis-server without persistence; runs until it is killed. */
export class Redis {
  #process
  #port

  /**
   * @param {number} port
   * @param {number | undefined} core to run on; undefined leaves it to the kernel
   */
  constructor(port, core) {
    const pinned = core === undefined ? [] : ['taskset', '-c', String(core)]
    const [command = '', ...args] = [...pinned, 'redis-server', '--port', String(port), '--bind', '127.0.0.1']
    this.#process = spawn(command, [...args, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
    this.#port = port
  }

  /** @param {number} [core] */
  static async start(core) {
    const redis = new Redis(await freePort(), core)
    for (let tries = 0; (await redis.ask('PING')) !== '+PONG\r\n'; tries++) {
      if (tries === 200) throw new Error('redis-server does not answer: is it installed?')
      await sleep(25)
    }
    return redis
  }

  get url() {
    return `redis://127.0.0.1:${this.#port}`
  }

  get pid() {
    return this.#process.pid ?? 0
  }

  /**
   * Sends one command. Resolves with the first part of the reply, or '' without one.
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
}
