import type { FastifyRequest } from 'fastify'
import type { Frame } from '../../protocol/index.ts'
import type { SocketHandler } from '../channel/transport.ts'
import { Endpoint } from '../endpoint/endpoint.ts'
import { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import type { Handshake, Refusal } from '../socket/connect.ts'
import { Socket } from '../socket/socket.ts'
import { type ConnectOperation, telemetry } from '../telemetry/telemetry.ts'
import { pathOf } from '../upstream/route-finder.ts'
import type { Mount } from './mount.ts'

// What transports tell the listeners of telemetry. None of it runs while nobody listens.

/** Whether anybody wants to hear of handshakes. */
export function isConnectObserved(): boolean {
  return telemetry.socketConnected.hasSubscribers || telemetry.socketConnecting.hasSubscribers
}

/** A client that asks to connect. */
type Asking = {
  readonly mount: Mount
  readonly request: FastifyRequest
  readonly params: Readonly<Record<string, unknown>>
}

type Outcome = Handshake | Refusal

/** A handshake, before it is known how it ends. */
type Undecided = { -readonly [K in keyof ConnectOperation]: ConnectOperation[K] }

/** Run a handshake and tell of it. */
export function observeConnect(
  { mount, request, params }: Asking,
  connect: () => Outcome | Promise<Outcome>,
): Outcome | Promise<Outcome> {
  const operation: Undecided = {
    endpoint: request.server.endpoint,
    path: mount.path,
    transport: transportOf(request),
    headers: request.headers,
    params,
    filterParameters: mount.settings.filterParameters,
    runInContext: null,
    log: mount.socket.log,
    result: null,
    refused: null,
    reason: null,
    error: null,
    vsn: null,
    id: null,
    handshake: null,
    duration: 0,
  }
  telemetry.socketConnecting.publish(operation)
  const startedAt = performance.now()
  const outcome = runConnect(operation, connect)
  if (!isPromise(outcome)) return decided(operation, startedAt, outcome)
  return outcome.then((later) => decided(operation, startedAt, later))
}

/** `connect` never throws, but what a listener runs it in may. */
function runConnect(
  { runInContext, endpoint, path }: Undecided,
  connect: () => Outcome | Promise<Outcome>,
): Outcome | Promise<Outcome> {
  if (runInContext === null) return connect()
  try {
    return runInContext(connect)
  } catch (error) {
    if (endpoint instanceof Endpoint) endpoint.report(new CallbackError(path, 'runInContext', error))
    return { refused: 'crash', reason: 'runInContext failed', error }
  }
}

function decided(operation: Undecided, startedAt: number, outcome: Outcome): Outcome {
  operation.duration = performance.now() - startedAt
  if ('refused' in outcome) {
    operation.result = outcome.refused === 'crash' ? 'crash' : 'error'
    operation.refused = outcome.refused
    operation.reason = outcome.reason
    operation.error = outcome.error ?? null
  } else {
    operation.result = 'ok'
    operation.vsn = outcome.serializer.vsn
    operation.id = outcome.id
    operation.handshake = outcome
  }
  telemetry.socketConnected.publish(operation)
  return outcome
}

/** A client that was refused: at which step, and the line for the log. */
export type RefusedClient = {
  readonly refused: string
  readonly level: 'error' | 'info' | 'warn'
  /** Default: `connection refused`. */
  readonly message?: string
  readonly reason?: unknown
}

const TOLD = Symbol('phoenix.told')
type ToldRequest = FastifyRequest & { [TOLD]?: true }

/** Whether the log has a line about this refused request. */
export function isTold(request: ToldRequest): boolean {
  return request[TOLD] === true
}

/** Tell of a request that was answered with an error before its transport saw it, once a second for each status. */
export function tellRefusedRequest({ path }: Mount, request: FastifyRequest, status: number): void {
  const { id: reqId, method, server } = request
  server.endpoint.throttledLog.write(`${path} ${status}`, (count) =>
    server.log.info({ reqId, path, method, status, count }, 'request refused'),
  )
}

/** Tell of a client that was refused: to telemetry each time, to the log once a second for each step. */
export function tellRefused({ path }: Mount, request: ToldRequest, client: RefusedClient | string): void {
  request[TOLD] = true
  const { refused, level, message, ...details } =
    typeof client === 'string' ? { refused: client, level: 'info' as const } : client
  const { id: reqId, server } = request
  const { endpoint } = server
  // Not the request's own logger, which is silent about polls.
  endpoint.throttledLog.write(`${path} ${refused}`, (count) =>
    server.log[level]({ reqId, path, refused, ...details, count }, message ?? 'connection refused'),
  )
  if (!telemetry.socketRefused.hasSubscribers) return
  telemetry.socketRefused.publish({ endpoint, path, transport: transportOf(request), refused })
}

/** Characters of a client's address in the log. */
const MAX_SHOWN_PATH = 200

/** Tell of an upgrade to a path that is no mount, once a second: a client with a misspelt path tries for ever. */
export function tellUnclaimedUpgrade(endpoint: Endpoint, url: string, mounts: readonly string[]): void {
  const path = pathOf(url).slice(0, MAX_SHOWN_PATH)
  endpoint.throttledLog.write('unclaimed upgrade', (count) =>
    endpoint.logger.warn({ path, mounts, count }, 'upgrade to a path that is no mount'),
  )
}

/** Tell of a client that reads too slowly: its connection is closed, or a frame for it dropped. */
export function tellSlowConsumer(socket: SocketHandler | null, policy: 'close' | 'drop'): void {
  if (!telemetry.slowConsumer.hasSubscribers || !(socket instanceof Socket)) return
  const action = policy === 'close' ? 'closed' : 'dropped'
  telemetry.slowConsumer.publish({ endpoint: socket.host, socket, action })
}

/** Tell of a frame that a long-poll client cannot take. */
export function tellDroppedFrame(socket: SocketHandler | null, frame: Frame): void {
  if (!telemetry.frameDropped.hasSubscribers || !(socket instanceof Socket)) return
  telemetry.frameDropped.publish({ endpoint: socket.host, socket, frame })
}

/** The scope of the WebSocket route decorates its requests, that of long-poll does not. */
function transportOf(request: FastifyRequest): string {
  return 'ws' in request ? 'websocket' : 'longpoll'
}
