import type { FastifyInstance } from 'fastify'
import { type EndpointServer, isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { UsageError } from '../errors.ts'
// Imported only for the type of `app.endpoint`.
import type {} from '../plugin.ts'
import { LocalAdapter } from '../pubsub/local-adapter.ts'
import { Closing } from './closing.ts'

/** Result of the option `start` of `cluster`: a server that listens. */
export type Started = {
  /** App, which must be listening. */
  readonly app: FastifyInstance
  /** Endpoint to drain. Default: `app.endpoint`. */
  readonly endpoint?: Endpoint
  /** Promise that resolves with the reason if the process must end, e.g. `supervisor.failed`. Default: none. */
  readonly failed?: Promise<Error>
}

/** The server that runs in this process. */
export class Serving {
  readonly endpoint: EndpointServer
  /** Resolves with the reason if the process must end. */
  readonly failed: Promise<Error>
  readonly #app: FastifyInstance
  readonly #closing: Closing

  /** @throws UsageError when the app does not listen or has no endpoint. */
  constructor({ app, endpoint = app?.endpoint, failed }: Started) {
    if (!isEndpoint(endpoint)) {
      const remedy = 'register the plugin `phoenix` on `app`, or return { app, endpoint }'
      throw new UsageError(
        'PHX_ERR_NO_ENDPOINT',
        `cluster: \`start\` resolved without a valid endpoint; ${remedy}`,
      )
    }
    if (!app.server.listening) {
      throw new UsageError(
        'PHX_ERR_OPTION',
        'cluster: `start` must resolve after `app.listen()` (the app does not listen)',
      )
    }
    this.endpoint = endpoint
    this.failed = failed ?? new Promise(() => {})
    this.#app = app
    this.#closing = new Closing(app.server)
  }

  /** @throws UsageError when this node does not share broadcasts with the other worker processes. */
  checkIsShared(): void {
    if (!(this.endpoint.engine.adapter instanceof LocalAdapter)) return
    throw new UsageError(
      'PHX_ERR_OPTION',
      'cluster: several worker processes need an engine that connects them, such as `new RedisEngine({ … })`',
    )
  }

  /** Tell load balancers to send no new clients to this process. */
  leave(): void {
    this.endpoint.leave()
  }

  /** Stop listening, and give the latest connections time to send a request. Open connections are still served. */
  pause(): Promise<void> {
    return this.#closing.pause()
  }

  /**
   * Stop listening, close the clients' connections, and close the app. The close code 1012 makes the clients reconnect
   * to another process or node. `drained` is called when all connections are closed, before the app is closed.
   */
  async stop(drained?: () => Promise<void>): Promise<void> {
    await this.pause()
    await this.endpoint.drain()
    await this.#closing.end()
    await drained?.()
    await this.#app.close()
  }
}

/** Call `start` and check its result. Rejects with the reason why this process cannot serve. */
export async function serve(start: () => Started | Promise<Started>): Promise<Serving> {
  return new Serving(await start())
}
