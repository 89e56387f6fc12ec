import { defaultSerializers, negotiateSerializer, type Serializer } from '../../protocol/index.ts'
import { CallbackError, UsageError, wordsOf } from '../errors.ts'
import { type Drainer, drainerDefaults } from '../limits/drainer.ts'
import { disown, isPromise } from '../runtime/promise.ts'
import type { ConnectInfo } from './connect-info.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import type { AnySocket } from './define-socket.ts'
import type { PeerAddress } from './peer-address.ts'

/** What a client asks with: its params, and the parts of the request that user code may see. */
export type ConnectRequest = {
  readonly params: Record<string, unknown>
  readonly info: ConnectInfo
  /** How the connection is to be closed when the server stops; default: as all are. */
  readonly drainer?: Drainer
  /** The address that the connection is counted under; default: none. */
  readonly address?: PeerAddress | null
  /** What its mount sets for its connections; default: what the endpoint does. */
  readonly settings?: ConnectionSettings
}

/** An accepted connection that has no transport yet. */
export type Handshake = {
  readonly definition: AnySocket
  readonly serializer: Serializer
  readonly assigns: unknown
  readonly id: string | null
  /** When it must end, in milliseconds since 1970; null = never. */
  readonly expiresAt: number | null
  /** How the connection is closed when the server stops. */
  readonly drainer: Drainer
  /** The address that the connection is counted under; null: none. */
  readonly address: PeerAddress | null
  /** What the mount sets for its connections; null: what the endpoint does. */
  readonly settings: ConnectionSettings | null
}

/** Why a client may not connect (CONNECT-2 to CONNECT-4). */
export type Refusal = {
  readonly refused: 'vsn' | 'params' | 'connect' | 'expired' | 'id' | 'crash'
  /** What `connect` gave as its error, or what is wrong. */
  readonly reason: unknown
  /** What was thrown, for telemetry. */
  readonly error?: unknown
}

/** Is told what callbacks throw. */
type Reporter = { report(error: CallbackError): void }
type Outcome = Handshake | Refusal
/** Where a handshake goes on when `connect` has answered. */
type Asked = Pick<Handshake, 'definition' | 'serializer' | 'drainer' | 'address' | 'settings'>

/**
 * Negotiate the version, check the params, ask `connect`, compute the id: in this order (CONNECT-1).
 * A promise comes back if `connect` returned one; it never rejects.
 */
export function connect(
  definition: AnySocket,
  request: ConnectRequest,
  reporter: Reporter,
): Outcome | Promise<Outcome> {
  const serializer = negotiateSerializer(request.params['vsn'], defaultSerializers)
  if (serializer === null) return { refused: 'vsn', reason: 'unsupported vsn' }
  try {
    const errors = definition.checkParams?.(request.params) ?? null
    if (errors !== null) return { refused: 'params', reason: errors }
    const result = definition.connect(request.params, request.info)
    const { drainer = drainerDefaults, address = null, settings = null } = request
    const asked: Asked = { definition, serializer, drainer, address, settings }
    return isPromise(result) ? answeredLater(asked, result, reporter) : answered(asked, result)
  } catch (cause) {
    return crashed(cause, reporter)
  }
}

async function answeredLater(
  asked: Asked,
  result: PromiseLike<unknown>,
  reporter: Reporter,
): Promise<Outcome> {
  try {
    return answered(asked, await result)
  } catch (cause) {
    return crashed(cause, reporter)
  }
}

function answered(asked: Asked, result: unknown): Outcome {
  if (!isAccepted(result)) return { refused: 'connect', reason: reasonOf(result) }
  const problem = expiryProblem(result.expiresAt)
  // A connection that must end at once would only come back, again and again (AUTH-4).
  if (problem !== null) return { refused: 'expired', reason: problem }
  // The definition's own types bind identify to the assigns that its connect returns.
  const { identify } = asked.definition
  const id = identify === null ? null : identify(result.ok as never)
  if (id !== null && typeof id !== 'string') {
    disown(id)
    return { refused: 'id', reason: `id() returned a ${typeof id}; it returns a string or null` }
  }
  const { definition, serializer, drainer, address, settings } = asked
  const { ok: assigns, expiresAt = null } = result
  // A spread would be made at run time, property by property.
  return { definition, serializer, assigns, id, expiresAt, drainer, address, settings }
}

function crashed(cause: unknown, reporter: Reporter): Refusal {
  reporter.report(new CallbackError('socket', 'connect', cause))
  return { refused: 'crash', reason: 'connect crashed', error: cause }
}

/** Whether this is `{ ok: assigns }`. @throws UsageError with `PHX_ERR_RESULT` when its `expiresAt` is no number. */
export function isAccepted(result: unknown): result is { ok: unknown; expiresAt?: number } {
  if (typeof result !== 'object' || result === null || !('ok' in result)) return false
  if (!('expiresAt' in result) || result.expiresAt === undefined) return true
  if (typeof result.expiresAt === 'number' && !Number.isNaN(result.expiresAt)) return true
  throw new UsageError(
    'PHX_ERR_RESULT',
    `\`expiresAt\` must be a number of milliseconds since 1970 (got ${wordsOf(result.expiresAt)})`,
  )
}

/** Smaller values may be seconds: in milliseconds they are times before 1973-03-03. */
const MAX_SECONDS = 1e11

/** Why an `expiresAt` is refused; null if it is in the future, or absent. */
export function expiryProblem(expiresAt: number | undefined): string | null {
  if (expiresAt === undefined) return null
  const now = Date.now()
  if (expiresAt > now) return null
  const isInSeconds = expiresAt < MAX_SECONDS && expiresAt * 1_000 > now
  if (isInSeconds)
    return `expiresAt must be in milliseconds since 1970 (got ${expiresAt}, which is in seconds)`
  return `expiresAt must be in the future (got ${expiresAt}, ${Math.round(now - expiresAt)} ms ago)`
}

function reasonOf(result: unknown): unknown {
  if (typeof result === 'object' && result !== null && 'error' in result) return result.error
  throw new UsageError(
    'PHX_ERR_RESULT',
    `connect must return { ok: assigns } or { error: reason } (got ${wordsOf(result)})`,
  )
}
