import type { FastifyRequest } from 'fastify'
import type { Frame } from '../../protocol/index.ts'
import type { SocketHandler } from '../channel/transport.ts'
import { EndpointServer, serverOf } from '../endpoint/endpoint.ts'
import { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import type { ConnectOutcome } from '../socket/connect.ts'
import { Socket } from '../socket/socket.ts'
import type { GuardedLogger } from '../telemetry/guarded-logger.ts'
import { type ConnectOperation, telemetry } from '../telemetry/telemetry.ts'
import { pathOf } from '../upstream/route-finder.ts'
import type { Mount } from './mount.ts'

// Telemetry events and log lines of transports. Telemetry events are built only while a listener is subscribed.

/** Whether a listener is subscribed to handshakes. */
export function isConnectObserved(): boolean {
  return telemetry.socketConnected.hasSubscribers || telemetry.socketConnecting.hasSubscribers
}

/** Handshake request, and the mount that the request is for. */
type ConnectAttempt = {
  readonly mount: Mount
  readonly request: FastifyRequest
  readonly params: Readonly<Record<string, unknown>>
}

/** Telemetry event of a handshake that has no result yet. */
type Undecided = { -readonly [K in keyof ConnectOperation]: ConnectOperation[K] }

/** Run a handshake, and publish its start and its result. */
export function observeConnect(
  { mount, request, params }: ConnectAttempt,
  connect: () => ConnectOutcome | Promise<ConnectOutcome>,
): ConnectOutcome | Promise<ConnectOutcome> {
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
  if (!isPromise(outcome)) return publishOutcome(operation, startedAt, outcome)
  return outcome.then((later) => publishOutcome(operation, startedAt, later))
}

/**
 * Run `connect`. If a telemetry listener has set `runInContext`, let `runInContext` call `connect`. If `runInContext`
 * throws, refuse the client. `connect` itself never throws.
 */
function runConnect(
  { runInContext, endpoint, path }: Undecided,
  connect: () => ConnectOutcome | Promise<ConnectOutcome>,
): ConnectOutcome | Promise<ConnectOutcome> {
  if (runInContext === null) return connect()
  try {
    return runInContext(connect)
  } catch (error) {
    if (endpoint instanceof EndpointServer) endpoint.report(new CallbackError(path, 'runInContext', error))
    return { refused: 'crash', reason: 'runInContext failed', error }
  }
}

function publishOutcome(operation: Undecided, startedAt: number, outcome: ConnectOutcome): ConnectOutcome {
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

/** Client that was refused: the cause, and the contents of the log line. */
export type RefusedClient = {
  /** Cause: the failed check, the kind of limit, or `crash`. */
  readonly refused: string
  readonly level: 'error' | 'info' | 'warn'
  /** Message of the log line. Default: `connection refused`. */
  readonly message?: string
  readonly reason?: unknown
  /** Hint for the log line: the probable mistake in the application. */
  readonly hint?: string
}

const LOGGED = Symbol('phoenix.logged')
type LoggedRequest = FastifyRequest & { [LOGGED]?: true }

/** Returns true if `publishRefused` or `logFailedRequest` has logged this request. */
export function isLogged(request: LoggedRequest): boolean {
  return request[LOGGED] === true
}

/**
 * Log a request that got an error status and has not been logged otherwise. Each status is logged at most once a
 * second per mount.
 */
export function logRefusedRequest({ path }: Mount, request: FastifyRequest, status: number): void {
  const { id: reqId, method, server } = request
  serverOf(server.endpoint).throttledLog.write(`${path} ${status}`, (count) =>
    server.log.info({ reqId, path, method, status, count }, 'request refused'),
  )
}

/** Log a long-poll request that failed with an exception. */
export function logFailedRequest(request: LoggedRequest, error: unknown, logger: GuardedLogger): void {
  request[LOGGED] = true
  logger.error({ reqId: request.id, err: error }, 'long-poll request failed')
}

/**
 * Publish the telemetry event of a refused client, and log the refusal. Each value of `refused` is logged at most once
 * a second per mount.
 */
export function publishRefused(
  { path }: Mount,
  request: LoggedRequest,
  client: RefusedClient | string,
): void {
  request[LOGGED] = true
  const { refused, level, message, ...details } =
    typeof client === 'string' ? { refused: client, level: 'info' as const } : client
  const { id: reqId, server } = request
  const { endpoint } = server
  // Use the server's logger, because the request's own logger writes nothing below `warn`.
  serverOf(endpoint).throttledLog.write(`${path} ${refused}`, (count) =>
    server.log[level]({ reqId, path, refused, ...details, count }, message ?? 'connection refused'),
  )
  if (!telemetry.socketRefused.hasSubscribers) return
  telemetry.socketRefused.publish({ endpoint, path, transport: transportOf(request), refused })
}

/** Maximum length of a request's path in the log, in characters. */
const MAX_SHOWN_PATH = 200

/**
 * Log an upgrade to a path that is not a mount, at most once a second, because a client with a misspelt path retries
 * forever.
 */
export function logUnclaimedUpgrade(endpoint: EndpointServer, url: string, mounts: readonly string[]): void {
  const path = pathOf(url).slice(0, MAX_SHOWN_PATH)
  endpoint.throttledLog.write('unclaimed upgrade', (count) =>
    endpoint.logger.warn({ path, mounts, count }, 'upgrade refused: no mount has this path'),
  )
}

/**
 * Publish the telemetry event of a client that reads too slowly. `policy` is the reaction: close the connection, or
 * drop a frame.
 */
export function publishSlowConsumer(socket: SocketHandler | null, policy: 'close' | 'drop'): void {
  if (!telemetry.slowConsumer.hasSubscribers || !(socket instanceof Socket)) return
  const action = policy === 'close' ? 'closed' : 'dropped'
  telemetry.slowConsumer.publish({ endpoint: socket.host, socket, action })
}

/** Publish the telemetry event of a dropped binary frame. Long-poll clients cannot receive binary frames. */
export function publishDroppedFrame(socket: SocketHandler | null, frame: Frame): void {
  if (!telemetry.frameDropped.hasSubscribers || !(socket instanceof Socket)) return
  telemetry.frameDropped.publish({ endpoint: socket.host, socket, frame })
}

/** Name of the transport of a request. Only requests of a WebSocket route have the property `ws`. */
function transportOf(request: FastifyRequest): string {
  return 'ws' in request ? 'websocket' : 'longpoll'
}
