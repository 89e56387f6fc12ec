import { ErrorReply } from 'redis'
import type { Client } from './client.ts'
import type { Preparation } from './topology.ts'

/** Number of digits in a history's epoch that change when Redis restarts (see `history-scripts.ts`). */
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

/** Send SCRIPT LOAD or INFO to prepare a connection. Resolves with null if Redis refuses the command. */
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
 * Compute the digits of `Topology.runDigits`, which change when the Redis server restarts or is promoted to master. The
 * scripts in `history-scripts.ts` compute the same digits. Resolves with '' if Redis refuses INFO.
 */
export async function askRunDigits(client: Client, preparation: Preparation): Promise<string> {
  const [server, replication] = await Promise.all(
    ['server', 'replication'].map((section) => prepareOne(client, preparation, ['INFO', section])),
  )
  const [, process] = /run_id:([0-9a-f]{12})/.exec(String(server)) ?? []
  if (process === undefined) return ''
  const [, before = '0'] = /master_replid2:([0-9a-f]{12})/.exec(String(replication)) ?? []
  const sum = Number.parseInt(process, 16) + Number.parseInt(before, 16)
  return String(sum % 10 ** RUN_DIGITS).padStart(RUN_DIGITS, '0')
}
