import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Node process that runs commands: it calls `answer` of `answer.mjs`. */
export class Child {
  #process
  #stderr = ''
  #calls = 0
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map()

  /**
   * @param {string[]} args for node
   * @param {number | undefined} core to run on; if undefined, the kernel chooses
   * @param {Record<string, string>} [env] in addition to the environment of this process
   */
  constructor(args, core, env = {}) {
    const command = core === undefined ? [] : ['taskset', '-c', String(core)]
    // 10,000 connections need as many open files, so raise the limit to the hard limit.
    const limited = [
      '-c',
      'ulimit -n "$(ulimit -Hn)"; exec "$@"',
      'sh',
      ...command,
      process.execPath,
      ...args,
    ]
    this.#process = spawn('sh', limited, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', ...env },
    })
    this.#process.stderr?.on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-2_000)
    })
    this.#process.on('message', (/** @type {{ id: number, result: unknown, error?: string }} */ message) => {
      const call = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.error === undefined) call?.resolve(message.result)
      else call?.reject(new Error(message.error))
    })
    this.#process.on('exit', () => {
      for (const call of this.#waiting.values()) call.reject(this.#gone())
      this.#waiting.clear()
    })
  }

  get pid() {
    if (this.#process.pid === undefined) throw this.#gone()
    return this.#process.pid
  }

  get hasExited() {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /**
   * Runs a command in the child. Resolves with its result.
   * @param {string} command
   * @param {unknown} [argument]
   * @returns {Promise<any>}
   */
  call(command, argument) {
    if (this.hasExited) return Promise.reject(this.#gone())
    const id = this.#calls++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#process.send({ id, command, argument })
    })
  }

  /** Kills the process: it holds no state worth saving. */
  async kill() {
    if (this.hasExited) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }

  #gone() {
    return new Error(`process ended: ${this.#stderr.trim() || 'no output on stderr'}`)
  }
}
