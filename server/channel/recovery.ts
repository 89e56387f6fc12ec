import { randomBytes } from 'node:crypto'
import { UsageError } from '../../protocol/errors.ts'
import { bytesOf } from '../../protocol/payload.ts'
import { isPlainObject } from '../../protocol/shown.ts'
import type { Position } from '../pubsub/history.ts'

/** A client's wish for recovery, as its join's params say it (RECOVERY-3). */
export type RecoveryParams = {
  /** Its cursor; null if it has none, or one that cannot be read. */
  readonly since: Position | null
  /** The number of latest broadcasts to begin with, if there is nothing to go on from. */
  readonly last: number
  /** The identity under which it sends: the one that it shows, or a new one (RECOVERY-7). */
  readonly id: string
}

/** Random bytes of an identity, which has 16 characters of base64url. */
const ID_BYTES = 12
const IDENTITY = /^[\w-]{16}$/
const EPOCH = /^\d{1,32}$/
const SINCE = '_since'
const LAST = '_last'
const RECOVERY = '_recovery'

/**
 * Take the wish for recovery out of a join's params, which are not changed: the others come back, and the wish, or null
 * if there is none.
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

/** The response of a join with its recovery. @throws UsageError with `PHX_ERR_RESULT` for bytes. */
export function withRecovery(response: unknown, recovery: object): object {
  if (bytesOf(response) !== null) {
    throw new UsageError(
      'PHX_ERR_RESULT',
      'the reply of a join on a topic with a history must be an object (got bytes)',
    )
  }
  const isPlain = isPlainObject(response) && typeof response['toJSON'] !== 'function'
  return { ...(isPlain ? response : JSON.parse(JSON.stringify(response))), [RECOVERY]: recovery }
}
