import { onTestFinished } from 'vitest'
import { topologyOf } from '../../server/redis/connect.ts'
import { RedisConnection } from '../../server/redis/connection.ts'
import { type RedisEngineOptions, resolveOptions } from '../../server/redis/options.ts'
import { ownPrefix } from './redis.ts'
import { until } from './until.ts'

/** A connection until the end of the test, what it logs, and each time that it told of a change. */
export class TestConnection extends RedisConnection {
  /** As `warn: …`, `info: …`. */
  readonly lines: string[] = []
  readonly errors: unknown[] = []
  readonly changes: boolean[] = []

  constructor(options: RedisEngineOptions) {
    super(topologyOf(options), resolveOptions({ prefix: ownPrefix(), ...options }))
    this.onChange((isUp) => this.changes.push(isUp))
    onTestFinished(() => this.stop())
  }

  /** Begin to connect. */
  begin(): void {
    this.start({
      nodeId: 'n1',
      logger: {
        warn: (details, message) => this.#note(`warn: ${message}`, details),
        info: (details, message) => this.#note(`info: ${message}`, details),
      },
    })
  }

  /** A connection that has reached Redis. */
  static async open(options: RedisEngineOptions): Promise<TestConnection> {
    const connection = new TestConnection(options)
    connection.begin()
    await connection.is('up')
    return connection
  }

  /** Listen to channels, all in one turn; when the promise resolves they are subscribed to. */
  async listen(...channels: string[]): Promise<void> {
    await Promise.all(channels.map(async (channel) => this.subscriptions.subscribe(channel, () => {})))
  }

  async is(state: 'connecting' | 'up' | 'down'): Promise<void> {
    await until(() => this.state === state, { timeout: 15_000 })
  }

  #note(line: string, details: object): void {
    this.lines.push(line)
    if ('err' in details) this.errors.push(details.err)
  }
}
