import { ErrorReply } from 'redis'
import { EngineError } from '../errors.ts'
import type { Client } from './client.ts'

// After a failover, connections to the old master stay open, and the old master still replies. PUBLISH even works on a
// replica, but reaches only the clients of that replica. Therefore a connection counts as up only while its server
// accepts writes. Each connection is probed when it opens and at every heartbeat. Error replies to ordinary commands
// are checked too.

/** Error replies of a server that is a replica, has lost its master, or is still loading its data. */
const WRONG_SERVER = /^(?:READONLY|MASTERDOWN|LOADING)\b/
/** Script that changes nothing. Replicas refuse this script, because its first line lacks the flag `no-writes`. */
const WRITE_PROBE = ['EVAL', '#!lua\nreturn 1', '0'] as const
const ROLE = ['ROLE'] as const

/** Error for a server that replies but cannot be used, because it is a replica or is loading its data. */
export class WrongServerError extends EngineError {
  /** Error code at the start of the Redis reply, such as READONLY. READONLY if only ROLE shows that it is a replica. */
  readonly reply: string

  constructor(message: string, reply: string, options?: ErrorOptions) {
    super(`this Redis server cannot be used: ${message}`, options)
    this.reply = reply
  }
}

/** Convert an error reply that means "wrong server" to a WrongServerError; null for other errors. */
export function asWrongServer(error: unknown): WrongServerError | null {
  if (!(error instanceof ErrorReply) || !WRONG_SERVER.test(error.message)) return null
  return new WrongServerError(error.message, codeOf(error.message), { cause: error })
}

/** Error code of an error reply of Redis, such as NOPERM; null if the error is not an error reply. */
export function errorCodeOf(error: unknown): string | null {
  if (error instanceof WrongServerError) return error.reply
  return error instanceof ErrorReply ? codeOf(error.message) : null
}

/**
 * Check that the server accepts writes and is a master. Rejects with a WrongServerError, or with the error of the
 * connection. Other error replies, such as NOPERM, are ignored, because they do not show that the server is wrong.
 */
export async function probe(client: Client): Promise<void> {
  const sent = [client.sendCommand(WRITE_PROBE), client.sendCommand(ROLE)]
  const [write, role] = await Promise.allSettled(sent)
  for (const result of [write, role]) {
    if (result?.status !== 'rejected') continue
    const wrong = asWrongServer(result.reason)
    if (wrong !== null) throw wrong
    if (!(result.reason instanceof ErrorReply)) throw result.reason
  }
  if (role?.status !== 'fulfilled' || !Array.isArray(role.value) || role.value[0] === 'master') return
  // With `replica-read-only no`, a replica passes the write probe, but no other server gets the replica's writes.
  throw new WrongServerError(`its role is "${String(role.value[0])}", not "master"`, 'READONLY')
}

function codeOf(message: string): string {
  return /^[A-Z]+\b/.exec(message)?.[0] ?? 'ERR'
}
