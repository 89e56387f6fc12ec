import { ErrorReply } from 'redis'
import { EngineError } from '../errors.ts'
import type { Client } from './client.ts'

// After a failover the connections to the old primary stay open, and it goes on answering: PUBLISH works on
// a replica and reaches only those that are connected to it. So a connection counts as up only while its
// server takes writes. Each connection is probed when it opens and at every heartbeat, and the replies to
// ordinary commands are looked at too.

/** Replies of a server that is a replica, has lost its primary, or is still loading its data. */
const WRONG_SERVER = /^(?:READONLY|MASTERDOWN|LOADING)\b/
/** A write without a key or an effect. Without the flag `no-writes`, replicas refuse the script (Redis 7). */
const WRITE = ['EVAL', '#!lua\nreturn 1', '0'] as const
const ROLE = ['ROLE'] as const

/** The server answers, but it is not the one to be connected to. */
export class WrongServerError extends EngineError {
  /** The first word of its reply. */
  readonly reply: string

  constructor(message: string, options?: ErrorOptions) {
    super(`this Redis server cannot serve: ${message}`, options)
    this.reply = wordOf(message)
  }
}

/** The error as a WrongServerError if that is what Redis' reply means; else null. */
export function asWrongServer(error: unknown): WrongServerError | null {
  if (!(error instanceof ErrorReply) || !WRONG_SERVER.test(error.message)) return null
  return new WrongServerError(error.message, { cause: error })
}

/** The word with which Redis refuses, such as NOPERM; null for errors that are not replies of Redis. */
export function faultOf(error: unknown): string | null {
  if (error instanceof WrongServerError) return error.reply
  return error instanceof ErrorReply ? wordOf(error.message) : null
}

/**
 * Resolves when the server answers and may be the right one, also with an error: without the right to run a
 * probe nothing is known. Rejects with a WrongServerError, or with what became of the connection.
 */
export async function probe(client: Client): Promise<void> {
  const sent = [client.sendCommand(WRITE), client.sendCommand(ROLE)]
  const [write, role] = await Promise.allSettled(sent)
  for (const result of [write, role]) {
    if (result?.status !== 'rejected') continue
    const wrong = asWrongServer(result.reason)
    if (wrong !== null) throw wrong
    if (!(result.reason instanceof ErrorReply)) throw result.reason
  }
  if (role?.status !== 'fulfilled' || !Array.isArray(role.value) || role.value[0] === 'master') return
  // `replica-read-only no` lets a replica take writes, which nobody else sees.
  throw new WrongServerError(`READONLY its role is ${String(role.value[0])}`)
}

function wordOf(message: string): string {
  return /^[A-Z]+\b/.exec(message)?.[0] ?? 'ERR'
}
