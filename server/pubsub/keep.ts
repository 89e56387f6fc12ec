import { type Broadcast, ProtocolError } from '../../protocol/index.ts'
import { KeyReusedError } from '../errors.ts'
import type { Awaitable } from '../runtime/promise.ts'
import type { Appended, HistorySettings, HistoryStore } from './history.ts'

/** Options of a broadcast on a topic with a history. */
export type KeepOptions = {
  /** If false, the broadcast is delivered but not kept. Default: true. */
  readonly keep?: boolean
  /** Deduplication key: a repeated broadcast with the same key is kept once (RECOVERY-13). Default: none. */
  readonly key?: string | null
}

/**
 * Send a broadcast to all nodes through the history store. If `keep` is true and `settings.events` has the event, the
 * store also keeps the broadcast.
 * @throws ProtocolError when the history must keep the broadcast, but the payload is not JSON or too large
 * (RECOVERY-16).
 */
export function keep(
  store: Pick<HistoryStore, 'append' | 'pass'>,
  broadcast: Broadcast,
  settings: HistorySettings,
  { keep = true, key = null }: KeepOptions,
): Appended | Promise<Appended | boolean> | undefined {
  if (!keep || !settings.events.has(broadcast.event)) return store.pass(broadcast, settings)
  checkKept(broadcast, settings)
  return store.append(broadcast, settings, key)
}

/** Returns true if `append` has kept the broadcast. A boolean `outcome` comes from `pass` and is returned unchanged. */
export function isKept(outcome: Appended | boolean): boolean {
  return typeof outcome === 'boolean' ? outcome : outcome.outcome === 'kept'
}

/** Like `isKept`, for a pending outcome. Rejects with a KeyReusedError if the key was used for another broadcast. */
export async function confirm(
  topic: string,
  sent: Awaitable<Appended | boolean | undefined>,
): Promise<boolean> {
  const outcome = (await sent) ?? true
  if (typeof outcome !== 'boolean' && outcome.outcome === 'key_reused') throw new KeyReusedError(topic)
  return isKept(outcome)
}

/** @throws ProtocolError when a payload cannot be kept (RECOVERY-16). */
function checkKept({ topic, event, json }: Broadcast, { maxBytes }: HistorySettings): void {
  const payload = `the history of "${topic}" keeps "${event}", so the payload`
  if (json === null) throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `${payload} must be JSON (got bytes)`)
  // Count the bytes only if necessary: each UTF-16 unit of `length` takes at most three bytes in UTF-8.
  if (json.length * 3 <= maxBytes || Buffer.byteLength(json) <= maxBytes) return
  throw new ProtocolError(
    'PHX_ERR_PAYLOAD_TYPE',
    `${payload} must have at most ${maxBytes} bytes (got ${Buffer.byteLength(json)})`,
  )
}
