import { ErrorReply } from 'redis'
import type { Client } from './client.ts'
import type { Preparation } from './topology.ts'

/** Digits of a `run_id` that are part of an epoch. */
const RUN_DIGITS = 6

/**
 * Load scripts, so that EVALSHA finds them. A fallback to EVAL would change the order of messages. Rejects if the
 * connection is lost.
 */
export async function loadScripts(client: Client, preparation: Preparation): Promise<void> {
  const loads = preparation.scripts.map(({ source }) =>
    prepareOne(client, preparation, ['SCRIPT', 'LOAD', source]),
  )
  await Promise.all(loads)
}

/**
 * Send one command of a preparation. Resolves with null if Redis refuses the command, which does not end the
 * connection.
 */
export async function prepareOne(
  client: Client,
  { answered }: Preparation,
  args: readonly string[],
): Promise<unknown> {
  try {
    const reply = await client.sendCommand(args)
    answered(args, null)
    return reply
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error
    answered(args, error)
    return null
  }
}

/**
 * Compute the decimal digits of the `run_id` in the reply to INFO, as the scripts do. Returns '' if there is no
 * `run_id`.
 */
export function runDigitsOf(info: string): string {
  const [, id] = /run_id:([0-9a-f]{12})/.exec(info) ?? []
  if (id === undefined) return ''
  return String(Number.parseInt(id, 16) % 10 ** RUN_DIGITS).padStart(RUN_DIGITS, '0')
}
