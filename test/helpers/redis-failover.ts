import { once } from 'node:events'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from './redis.ts'
import { inSync } from './redis-cluster.ts'

/** A primary and its replica behind one name, as of a managed Redis. */
export type RedisPair = {
  readonly primary: RedisServer
  readonly replica: RedisServer
  /** Leads to the primary until it is told otherwise. */
  readonly name: ServerName
}

export async function startRedisPair(...args: string[]): Promise<RedisPair> {
  const primary = await startRedis(...args)
  const replica = await startRedis('--replicaof', `127.0.0.1 ${primary.port}`, ...args)
  await inSync(replica)
  const name = await ServerName.open(primary)
  return { primary, replica, name }
}

/** Have the replica take over, by Redis' own command; the connections of clients to the primary stay. */
export async function failOver({ primary, replica, name }: RedisPair): Promise<void> {
  // The primary refuses the command as long as it does not count the replica as online.
  const command = ['FAILOVER', 'TO', '127.0.0.1', String(replica.port)]
  for (let tries = 0; (await primary.cli(...command)) !== 'OK'; tries++) {
    if (tries === 300) throw new Error(`no failover to the replica on port ${replica.port}`)
    await delay(100)
  }
  await untilRole(replica, 'master')
  await untilRole(primary, 'slave')
  name.leadTo(replica)
}

export async function untilRole(server: RedisServer, role: 'master' | 'slave'): Promise<void> {
  for (let tries = 0; tries < 3_000; tries++) {
    if ((await server.cli('ROLE')).startsWith(role)) return
    await delay(10)
  }
  throw new Error(`the server on port ${server.port} is no ${role}`)
}

/** An address whose new connections lead to another server some day, while the old ones stay. */
export class ServerName {
  readonly #server: Server
  readonly #sockets: Set<Socket>
  #port: number

  private constructor(to: RedisServer) {
    this.#port = to.port
    this.#sockets = new Set()
    this.#server = createServer((socket) => this.#pass(socket))
  }

  static async open(to: RedisServer): Promise<ServerName> {
    const name = new ServerName(to)
    name.#server.listen(0, '127.0.0.1')
    await once(name.#server, 'listening')
    onTestFinished(() => name.#close())
    return name
  }

  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `redis://127.0.0.1:${address.port}`
  }

  leadTo(server: RedisServer): void {
    this.#port = server.port
  }

  #pass(socket: Socket): void {
    const server = createConnection(this.#port, '127.0.0.1')
    for (const [end, other] of [
      [socket, server],
      [server, socket],
    ] as const) {
      this.#sockets.add(end)
      end.pipe(other)
      end.on('error', () => other.destroy())
      end.on('close', () => {
        other.destroy()
        this.#sockets.delete(end)
      })
    }
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
