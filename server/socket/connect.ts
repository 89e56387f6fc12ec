import { defaultSerializers, negotiateSerializer, type Serializer } from '../../protocol/index.ts'
import { shown } from '../../protocol/shown.ts'
import { CallbackError, UsageError, wordsOf } from '../errors.ts'
import { type Drainer, drainerDefaults } from '../limits/drainer.ts'
import { disown, isPromise } from '../runtime/promise.ts'
import type { ConnectInfo } from './connect-info.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import type { AnySocket } from './define-socket.ts'
import type { PeerAddress } from './peer-address.ts'

/** Client's params, the parts of its request that `connect` is allowed to see, and the settings of its mount. */
export type ConnectRequest = {
  readonly params: Record<string, unknown>
  readonly info: ConnectInfo
  /** Options for closing the connection when the server stops. Default: `drainerDefaults`. */
  readonly drainer?: Drainer
  /** Address under which the connection is counted. Default: the connection is not counted by address. */
  readonly address?: PeerAddress | null
  /** Settings of the mount. Default: the settings of the endpoint. */
  readonly settings?: ConnectionSettings
}

/** A client that `connect` has accepted. Its transport does not exist yet. */
export type Handshake = {
  readonly definition: AnySocket
  readonly serializer: Serializer
  readonly assigns: unknown
  readonly id: string | null
  /** Time at which the connection must end, in milliseconds since 1970; null for never. */
  readonly expiresAt: number | null
  /** Options for closing the connection when the server stops. */
  readonly drainer: Drainer
  /** Address under which the connection is counted; null if it is not counted by address. */
  readonly address: PeerAddress | null
  /** Settings of the mount; null if the settings of the endpoint apply. */
  readonly settings: ConnectionSettings | null
}

/** Which check refused a client, and the details (CONNECT-2 to CONNECT-4). */
export type Refusal = {
  readonly refused: 'vsn' | 'params' | 'connect' | 'expired' | 'id' | 'crash'
  /** Error that `connect` returned, or a description of the problem. */
  readonly reason: unknown
  /** Value that a callback threw, for telemetry. */
  readonly error?: unknown
}

/** Receiver of errors that callbacks throw. */
type Reporter = { report(error: CallbackError): void }
/** Result of a handshake. */
export type ConnectOutcome = Handshake | Refusal
/** Handshake that waits for the result of `connect`. */
type PendingHandshake = Pick<Handshake, 'definition' | 'serializer' | 'drainer' | 'address' | 'settings'>

/**
 * Negotiate the version, check the params, call `connect` and compute the id, in this order (CONNECT-1). If the
 * socket's `connect` returns a promise, this function also returns a promise, which never rejects.
 */
export function connect(
  definition: AnySocket,
  request: ConnectRequest,
  reporter: Reporter,
): ConnectOutcome | Promise<ConnectOutcome> {
  const serializer = negotiateSerializer(request.params['vsn'], defaultSerializers)
  if (serializer === null) return { refused: 'vsn', reason: 'unsupported vsn' }
  try {
    const errors = definition.checkParams?.(request.params) ?? null
    if (errors !== null) return { refused: 'params', reason: errors }
    const result = definition.connect(request.params, request.info)
    const { drainer = drainerDefaults, address = null, settings = null } = request
    const pending: PendingHandshake = { definition, serializer, drainer, address, settings }
    return isPromise(result) ? answeredLater(pending, result, reporter) : answered(pending, result)
  } catch (cause) {
    return crashed(cause, reporter)
  }
}

async function answeredLater(
  pending: PendingHandshake,
  result: PromiseLike<unknown>,
  reporter: Reporter,
): Promise<ConnectOutcome> {
  try {
    return answered(pending, await result)
  } catch (cause) {
    return crashed(cause, reporter)
  }
}

function answered(pending: PendingHandshake, result: unknown): ConnectOutcome {
  if (!isAccepted(result)) return { refused: 'connect', reason: refusalReason(result) }
  const problem = expiryProblem(result.expiresAt)
  // Refuse an expired client (AUTH-4). If accepted, its connection would end at once, and the client would reconnect
  // again and again.
  if (problem !== null) return { refused: 'expired', reason: problem }
  // The cast is safe: the types of the definition ensure that `identify` takes the assigns that `connect` returns.
  const { identify } = pending.definition
  const id = identify === null ? null : identify(result.ok as never)
  if (id !== null && typeof id !== 'string') {
    disown(id)
    return { refused: 'id', reason: `id() must return a string or null (got ${typeof id})` }
  }
  const { definition, serializer, drainer, address, settings } = pending
  const { ok: assigns, expiresAt = null } = result
  // List the properties, because a spread of `pending` would be slower.
  return { definition, serializer, assigns, id, expiresAt, drainer, address, settings }
}

function crashed(cause: unknown, reporter: Reporter): Refusal {
  reporter.report(new CallbackError('socket', 'connect', cause))
  return { refused: 'crash', reason: 'connect crashed', error: cause }
}

const RESULT_KEYS: readonly string[] = ['ok', 'expiresAt', 'error']

/**
 * Whether a result is `{ ok: assigns, expiresAt? }`. @throws UsageError with `PHX_ERR_RESULT` when the result has both
 * `ok` and `error`, a key of another name (so that a misspelt `expiresAt` is not ignored), or an `expiresAt` that is not
 * a number.
 */
export function isAccepted(result: unknown): result is { ok: unknown; expiresAt?: number } {
  if (typeof result !== 'object' || result === null || !('ok' in result)) return false
  if ('error' in result && result.error !== undefined) throw illegalResult(result)
  const unknown = Object.keys(result).find((key) => !RESULT_KEYS.includes(key))
  if (unknown !== undefined) {
    throw new UsageError(
      'PHX_ERR_RESULT',
      `the result has an unknown key "${unknown}"; the result must be { ok: assigns, expiresAt? }`,
    )
  }
  if (!('expiresAt' in result) || result.expiresAt === undefined) return true
  if (typeof result.expiresAt === 'number' && !Number.isNaN(result.expiresAt)) return true
  throw new UsageError(
    'PHX_ERR_RESULT',
    `\`expiresAt\` must be a number of milliseconds since 1970 (got ${shown(result.expiresAt)})`,
  )
}

/**
 * An `expiresAt` below this value is probably in seconds: in milliseconds, the value would be a time before 1973-03-03.
 */
const MAX_SECONDS = 1e11

/** Reason why an `expiresAt` is refused; null if the time is in the future or absent. */
export function expiryProblem(expiresAt: number | undefined): string | null {
  if (expiresAt === undefined) return null
  const now = Date.now()
  if (expiresAt > now) return null
  const isInSeconds = expiresAt < MAX_SECONDS && expiresAt * 1_000 > now
  if (isInSeconds)
    return `expiresAt must be in milliseconds since 1970 (got ${expiresAt}, which is in seconds)`
  return `expiresAt must be in the future (got ${expiresAt}, which was ${Math.round(now - expiresAt)} ms ago)`
}

/** Error of a result `{ error }`. @throws UsageError with `PHX_ERR_RESULT` when the result has another form. */
export function refusalReason(result: unknown): unknown {
  if (typeof result === 'object' && result !== null && 'error' in result) return result.error
  throw illegalResult(result)
}

function illegalResult(result: unknown): UsageError {
  const given = wordsOf(result)
  return new UsageError(
    'PHX_ERR_RESULT',
    `the result must be either { ok: assigns } or { error: reason } (got ${given})`,
  )
}
