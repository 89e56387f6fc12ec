import { randomBytes } from 'node:crypto'
import { UsageError } from '../../protocol/errors.ts'
import { bytesOf } from '../../protocol/payload.ts'
import { isPlainObject, shown } from '../../protocol/shown.ts'
import type { Position } from '../pubsub/history.ts'

/** Recovery that a client asks for in its join params (RECOVERY-3). */
export type RecoveryParams = {
  /** Cursor of the client; null if it is absent or malformed. */
  readonly since: Position | null
  /** If the cursor cannot be used, the client gets this number of the latest broadcasts. */
  readonly last: number
  /** Sender id of the client: the id in the cursor if this id is well-formed, otherwise a new id (RECOVERY-7). */
  readonly id: string
}

/** Number of random bytes in a sender id. In base64url, the id has 16 characters. */
const ID_BYTES = 12
const IDENTITY = /^[\w-]{16}$/
const EPOCH = /^\d{1,32}$/
const SINCE = '_since'
const LAST = '_last'
const RECOVERY = '_recovery'

/** Whether join params ask for recovery. */
export function asksForRecovery(params: unknown): boolean {
  return isPlainObject(params) && Object.hasOwn(params, SINCE)
}

/**
 * Split the join params into the application's params and the requested recovery. `asked` is null if the client did not
 * ask for recovery. The given params are not changed.
 */
export function takeRecovery(
  params: unknown,
  size: number,
): { readonly params: unknown; readonly asked: RecoveryParams | null } {
  if (!isPlainObject(params) || !(Object.hasOwn(params, SINCE) || Object.hasOwn(params, LAST))) {
    return { params, asked: null }
  }
  const { [SINCE]: since, [LAST]: last, ...others } = params
  if (!Object.hasOwn(params, SINCE)) return { params: others, asked: null }
  const count = Number.isSafeInteger(last) ? Math.min(size, Math.max(0, Number(last))) : 0
  return { params: others, asked: { since: cursorOf(since), last: count, id: identityOf(since) } }
}

function cursorOf(since: unknown): Position | null {
  const { epoch, seq } = Object(since)
  if (typeof epoch !== 'string' || !EPOCH.test(epoch)) return null
  return Number.isSafeInteger(seq) && seq >= 0 ? { epoch, seq } : null
}

function identityOf(since: unknown): string {
  const { id } = Object(since)
  return typeof id === 'string' && IDENTITY.test(id) ? id : randomBytes(ID_BYTES).toString('base64url')
}

/**
 * Add the recovery to the response of a join. @throws UsageError with `PHX_ERR_RESULT` if clients would get the response
 * as bytes or as JSON that is neither an object nor null.
 */
export function withRecovery(response: unknown, recovery: object): object {
  if (bytesOf(response) !== null) throw notObject('bytes')
  const isPlain = isPlainObject(response) && typeof response['toJSON'] !== 'function'
  const fields: unknown = isPlain ? response : JSON.parse(JSON.stringify(response ?? {}))
  if (!isPlainObject(fields ?? {})) throw notObject(shown(fields))
  return { ...Object(fields), [RECOVERY]: recovery }
}

function notObject(given: string): UsageError {
  return new UsageError(
    'PHX_ERR_RESULT',
    `the topic has a history, so the reply to a join must be an object (got ${given})`,
  )
}
