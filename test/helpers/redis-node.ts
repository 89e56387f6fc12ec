import { Broadcast } from '../../protocol/index.ts'
import type { EndpointOptions } from '../../server/endpoint/endpoint-options.ts'
import type { Subscriber } from '../../server/pubsub/pubsub.ts'
import { RedisEngine, type RedisEngineOptions } from '../../server/redis/index.ts'
import { TestEndpoint } from './build-endpoint.ts'
import { until } from './until.ts'

/** A node with a Redis engine until the end of the test, and what it logs. */
export class RedisNode {
  readonly engine: RedisEngine
  readonly endpoint: TestEndpoint
  /** As `warn: …`, `info: …`. */
  readonly lines: string[] = []
  readonly errors: unknown[] = []

  constructor(options: RedisEngineOptions, endpoint: Pick<EndpointOptions, 'histories'> = {}) {
    const line = (level: string) => (details: object, message: string) => {
      this.lines.push(`${level}: ${message}`)
      if ('err' in details) this.errors.push(details.err)
    }
    this.engine = new RedisEngine(options)
    this.endpoint = new TestEndpoint({
      ...endpoint,
      engine: this.engine,
      logger: { error: line('error'), warn: line('warn'), info: line('info') },
    })
  }

  /** A node that has reached Redis. */
  static async start(...given: ConstructorParameters<typeof RedisNode>): Promise<RedisNode> {
    const node = new RedisNode(...given)
    await node.endpoint.start()
    await node.is('up')
    return node
  }

  /** Wait until the engine is in a state. */
  async is(state: 'up' | 'down'): Promise<void> {
    await until(() => this.engine.state === state, { timeout: 15_000 })
  }

  /** Hear a topic; a listener that is subscribed when the promise resolves. */
  async listen(topic: string): Promise<Listener> {
    const listener = new Listener()
    await this.endpoint.pubsub.subscribe(topic, listener)
    return listener
  }

  /** Broadcast a number; whether it was sent to the others. */
  async say(topic: string, n: number): Promise<boolean | undefined> {
    return this.endpoint.send(new Broadcast(topic, 'said', { n }))
  }
}

/** Keeps the numbers that it hears. */
export class Listener implements Subscriber {
  readonly id = 'listener'
  readonly heard: unknown[] = []

  receive({ payload }: Broadcast): void {
    this.heard.push(Reflect.get(Object(payload), 'n'))
  }

  async has(...heard: unknown[]): Promise<void> {
    await until(() => heard.every((n) => this.heard.includes(n)))
  }
}
