import {
  anything,
  checkOption,
  nonNegative,
  object,
  positiveInteger,
  record,
  string,
} from '../../protocol/check.ts'
import { EndpointServer } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import type { EndpointOptions } from '../endpoint/endpoint-options.ts'
import { type CallbackError, UsageError } from '../errors.ts'
import { type PhoenixOptions, phoenixRules, resolveOptions } from '../plugin.ts'
import { connect } from '../socket/connect.ts'
import type { ConnectInfo } from '../socket/connect-info.ts'
import { PeerAddress } from '../socket/peer-address.ts'
import { logger } from '../telemetry/guarded-logger.ts'
import { Capacity, type Excess } from '../transport/capacity.ts'
import type { Mount } from '../transport/mount.ts'
import { decodeParams } from '../transport/params.ts'
import { failureOf, movedTo, Refused, told } from './failures.ts'
import type { InboxHost } from './inbox.ts'
import { NamedCallbacks } from './observed-socket.ts'
import { type ConnectOptions, TestRequest } from './test-request.ts'
import { TestSocket } from './test-socket.ts'
import { afterRealMs, turn } from './turns.ts'

/** Options of a test endpoint. `logger` and `timeout` are added to the options of the plugin. */
export type TestEndpointOptions = PhoenixOptions &
  Pick<EndpointOptions, 'logger'> & {
    /** Real milliseconds to wait for an expected event, even with fake timers. Default: 1,000. */
    readonly timeout?: number
  }

/** Endpoint for tests: its clients run in the test, without a network. Created by `testEndpoint`. */
export interface TestEndpoint extends Endpoint {
  /** Errors that callbacks threw. */
  readonly errors: readonly CallbackError[]
  /**
   * Connect a client to the socket at this path, like `connect/3`. Like in the official client, params are sent as a
   * query, so numbers arrive as strings. The param `vsn` is the protocol version, by default 2.0.0.
   * @throws Refused with the reason of `connect`, or with the limit or check that refused the client.
   */
  connect(path: string, params?: object, options?: ConnectOptions): Promise<TestSocket>
  /**
   * Wait until all pending callbacks of this endpoint have run.
   * @throws ExpectationError when a promise of a callback is still pending after `timeout` real milliseconds.
   */
  settled(): Promise<void>
  /**
   * Check the connections as if `ms` milliseconds had passed: tokens that expire in this time cause a warning or
   * a close. Fake timers have the same effect if they also replace `performance.now`. The fake timers of node:test do
   * not replace `performance.now`.
   * @throws UsageError when `ms` is not a number of at least 0.
   */
  elapse(ms: number): void
  /**
   * End all connections and stop the endpoint.
   * @throws ExpectationError when callbacks are still pending after `timeout` real milliseconds.
   */
  close(): Promise<void>
}

/** Running endpoint, with the function that stops it. */
export type RunningTest = {
  readonly endpoint: TestEndpoint
  /**
   * End all connections and stop the endpoint.
   * @throws ExpectationError when callbacks are still pending after `timeout` real milliseconds.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const DEFAULT_TIMEOUT_MS = 1_000
/**
 * Number of event-loop turns without activity after which the endpoint counts as settled. One turn is not enough,
 * because a worker or a presence diff may itself wait for a turn.
 */
const QUIET_TURNS = 3

const testOptions = object<TestEndpointOptions>(
  { ...phoenixRules, logger: logger('error', 'warn', 'info'), timeout: positiveInteger },
  ['sockets'],
)
const infoOptions = object<ConnectInfo>({
  peerData: anything,
  uri: anything,
  userAgent: anything,
  xHeaders: anything,
  secWebsocketHeaders: anything,
  traceContextHeaders: anything,
  authToken: anything,
  cookies: anything,
  headers: anything,
  request: anything,
})
const connectOptions = object<ConnectOptions>({ connectInfo: infoOptions, headers: record(string) })

/**
 * Start an endpoint for the tests of channels. It has real sockets, channels, checks and limits, but no network.
 * @throws UsageError with `PHX_ERR_OPTION` for an unknown key or an illegal value.
 */
export async function testEndpoint(options: TestEndpointOptions): Promise<RunningTest> {
  checkOption('testEndpoint', options, testOptions)
  const endpoint = new TestEndpointServer(options)
  await endpoint.start()
  const close = () => endpoint.close()
  return { endpoint, close, [Symbol.asyncDispose]: close }
}

/** Endpoint of `testEndpoint`. `TestEndpoint` documents the public members. */
export class TestEndpointServer extends EndpointServer implements TestEndpoint, InboxHost {
  readonly errors: CallbackError[]
  readonly timeout: number
  /** Channel callbacks whose promise is pending. */
  readonly callbacks: NamedCallbacks
  readonly #mounts: readonly Mount[]
  readonly #capacity: Capacity
  #arrivals: number

  constructor(options: TestEndpointOptions) {
    const { timeout = DEFAULT_TIMEOUT_MS, ...pluginOptions } = options
    const { mounts, endpointOptions } = resolveOptions(pluginOptions)
    super(endpointOptions)
    this.errors = []
    this.timeout = timeout
    this.callbacks = new NamedCallbacks(this)
    this.#mounts = mounts
    for (const { socket } of this.#mounts) {
      for (const { definition } of socket.routes) this.outgoing?.add(definition)
    }
    this.#capacity = new Capacity(this)
    this.#arrivals = 0
  }

  async connect(path: string, given: object = {}, options: ConnectOptions = {}): Promise<TestSocket> {
    checkOption('endpoint.connect: the path', path, string)
    checkOption('endpoint.connect: `options`', options, connectOptions)
    const failure = failureOf(this.connect)
    const query = queryOf({ vsn: '2.0.0', ...given })
    const { mount, variables } = this.#find(path)
    const request = new TestRequest(path, query, options)
    const address = new PeerAddress(request.ip)
    checkRoom(path, this.#capacity.ask(request, address))
    const { origin } = request.headers
    const problem = origin === undefined ? null : mount.checkOrigin(origin, request.uri)
    if (problem !== null) throw new Refused(path, { refused: 'origin', reason: problem })
    const params = decodeParams(query)
    if (params === null) throw new Refused(path, { refused: 'query', reason: 'status 400' })
    const info = request.info(mount.connectInfo)
    const { drainer, settings } = mount
    const outcome = await connect(
      mount.socket,
      { params: { ...params, ...variables }, info, drainer, address, settings },
      this,
    )
    if ('refused' in outcome) throw movedTo(failure, new Refused(path, outcome))
    // Check the limits again, because other clients may have connected while `connect` ran.
    checkRoom(path, this.#capacity.look(request, address))
    const maxFrameSize = mount.websocket?.maxFrameSize ?? Number.POSITIVE_INFINITY
    return new TestSocket({ endpoint: this, handshake: outcome, maxFrameSize })
  }

  async settled(): Promise<void> {
    const failure = failureOf(this.settled)
    let isLate = false
    const cancel = afterRealMs(this.timeout, () => {
      isLate = true
    })
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const before = this.#arrivals
      await turn()
      quiet = this.isIdle && before === this.#arrivals ? quiet + 1 : 0
      // Fail after the timeout only if something is pending. If nothing is pending, the machine was only slow.
      if (isLate && !this.isIdle) throw told(failure, this.#pending(`after ${this.timeout} ms`))
    }
    cancel()
  }

  elapse(ms: number): void {
    checkOption('endpoint.elapse: `ms`', ms, nonNegative)
    const now = performance.now() + ms
    for (const { credentials } of [...this.sockets]) credentials?.sweep(now)
  }

  async close(): Promise<void> {
    const error = failureOf(this.close)
    let cancel = (): void => {}
    const late = new Promise<never>((_, reject) => {
      cancel = afterRealMs(this.timeout, () => {
        reject(told(error, this.#pending(`${this.timeout} ms after close()`)))
      })
    })
    try {
      await Promise.race([this.stop(), late])
    } finally {
      cancel()
    }
  }

  override report(error: CallbackError, details?: object): void {
    this.errors.push(error)
    super.report(error, details)
  }

  arrived(): void {
    this.#arrivals += 1
  }

  notes(): readonly string[] {
    if (this.errors.length === 0) return []
    return ['errors that callbacks threw:', ...this.errors.map(({ message }) => `  ${message}`)]
  }

  #pending(when: string): string {
    return [`callbacks are still pending ${when}`, ...this.callbacks.lines(), ...this.notes()].join('\n')
  }

  /** Find the mount of a path, and the values of the path's variables. */
  #find(path: string): { readonly mount: Mount; readonly variables: Record<string, string> } {
    // The path of a mount at "/" is stored as "".
    const mounted = path === '/' ? '' : path
    for (const mount of this.#mounts) {
      const variables = match(mount.path, mounted)
      if (variables !== null) return { mount, variables }
    }
    const paths = this.#mounts.map((mount) => mount.path || '/').join(', ') || 'none'
    throw new UsageError(
      'PHX_ERR_OPTION',
      `endpoint.connect: no socket is mounted at ${path}. Mounted paths: ${paths}`,
    )
  }
}

/** @throws Refused when one more connection would exceed a limit. */
function checkRoom(path: string, excess: Excess | null): void {
  if (excess !== null) throw new Refused(path, { refused: excess.limit, reason: `status ${excess.status}` })
}

/**
 * Match a path with the path of a mount (`/tenants/:tenant/socket`). Returns the variables; null if the path does not
 * match.
 */
function match(pattern: string, path: string): Record<string, string> | null {
  const [names, values] = [pattern.split('/'), path.split('/')]
  if (names.length !== values.length) return null
  const variables: Record<string, string> = {}
  for (const [index, name] of names.entries()) {
    const value = values[index] ?? ''
    if (name.startsWith(':') && value !== '') variables[name.slice(1)] = decodeURIComponent(value)
    else if (name !== value) return null
  }
  return variables
}

/** Encode params like the official client: `{ a: { b: 1 }, c: [2] }` is `a[b]=1&c[]=2`. */
function queryOf(params: object): string {
  return pairs(params, (key) => key).join('&')
}

function pairs(values: object, nameOf: (key: string) => string): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return []
    const name = nameOf(Array.isArray(values) ? '' : key)
    if (typeof value === 'object' && value !== null) return pairs(value, (inner) => `${name}[${inner}]`)
    return `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`
  })
}
