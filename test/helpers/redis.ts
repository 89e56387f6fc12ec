import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const run = promisify(execFile)
const NAMES = ['redis-server', 'valkey-server']
/** Options with which a server keeps every write across a kill. */
const DURABLE = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
let prefixes = 0

/** The URL of a Redis that tests may share: that of `REDIS_URL`, or of a server until the end of the test. */
export async function redisUrl(): Promise<string> {
  return process.env['REDIS_URL'] || (await startRedis()).url
}

/** A prefix that no other test uses, so that files can share a server. */
export function ownPrefix(): string {
  prefixes += 1
  return `test-${process.pid}-${Date.now().toString(36)}-${prefixes}`
}

/** A Redis server of its own until the end of the test, which the test may kill and stop. */
export async function startRedis(...args: string[]): Promise<RedisServer> {
  const server = new RedisServer(await findRedis(process.env), await freePort(), args)
  await server.start()
  onTestFinished(() => server.remove())
  return server
}

/** A real Redis server in a process of its own, in a folder of its own. */
export class RedisServer {
  readonly port: number
  readonly #path: string
  readonly #args: string[]
  #folder: string | null = null
  #child: ChildProcess | null = null

  constructor(path: string, port: number, args: string[] = []) {
    this.#path = path
    this.port = port
    this.#args = args
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Where its data is. */
  async folder(): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'redis-'))
    return this.#folder
  }

  /** Start it, with the data that it had before; it answers when the promise resolves. */
  async start(config?: string): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', await this.folder()]
    const options = config === undefined ? [...own, ...DURABLE] : [config]
    const child = spawn(this.#path, [...options, ...this.#args], { stdio: 'ignore' })
    this.#child = child
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`${this.#path} ended with code ${code}`)
    })
    await Promise.race([this.#answers(), died])
    died.catch(() => 'it ends some time, which is not our concern')
  }

  /** As kill -9, or a power cut: nobody is told. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const ended = once(child, 'exit')
    // A stopped process takes it too.
    child.kill('SIGKILL')
    await ended
  }

  /** Kill it and start it again at once, by default with its data. */
  async restart(options?: { empty?: boolean }): Promise<void> {
    await this.kill()
    if (options?.empty) await this.#clear()
    await this.start()
  }

  /** It no longer answers, yet its connections stand (SIGSTOP). */
  pause(): void {
    this.#child?.kill('SIGSTOP')
    // Before the nodes stop, which wait for it, so that a failed test ends.
    onTestFinished(() => this.resume())
  }

  /** It goes on where it was (SIGCONT). */
  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Run one command and tell its reply as text. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run(cliOf(this.#path), ['-p', String(this.port), ...args])
    return stdout.trim()
  }

  async remove(): Promise<void> {
    await this.kill()
    await this.#clear()
  }

  async #clear(): Promise<void> {
    if (this.#folder !== null) await rm(this.#folder, { recursive: true })
    this.#folder = null
  }

  async #answers(): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      if (await ping(this.port)) return
      await delay(10)
    }
    throw new Error(`Redis on port ${this.port} does not answer`)
  }
}

/** The command-line client that comes with a server. */
export function cliOf(path: string): string {
  return path.replace(/-server$/, '-cli')
}

/** The path of a redis-server or valkey-server. @throws Error if there is none on the PATH. */
export async function findRedis(env: NodeJS.ProcessEnv): Promise<string> {
  const folders = (env['PATH'] ?? '').split(delimiter)
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))
  const path = candidates.find((candidate) => existsSync(candidate))
  if (path !== undefined) return path
  throw new Error(
    'No Redis for the tests: install redis-server 7 or Valkey. REDIS_URL serves those that do not stop their server.',
  )
}

/** Ready: not only that it listens, but that it has read its data. */
async function ping(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.toString().startsWith('+PONG') || answer.toString().startsWith('-NOAUTH')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * Find a free port below those that the system gives to outgoing connections: a connection of another test would
 * otherwise take the port while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000)
    if (await canListen(port)) return port
  }
}

function canListen(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
