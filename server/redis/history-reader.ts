import type { HistoryPart, HistoryRange, HistorySettings, Kept, Position } from '../pubsub/history.ts'
import type { RedisConnection } from './connection.ts'
import { READ } from './history-scripts.ts'
import { decodeKept } from './message.ts'

/** Maximum number of entries in one read. */
export const PAGE = 256

/** Query for a part of a topic's stream. `history-scripts.ts` explains streams, epochs and sequence numbers. */
export type HistoryQuery = {
  /** `follow` creates an epoch if there is none, and extends the stream's lifetime. `look` does neither. */
  readonly mode: 'follow' | 'look'
  /** `after` reads entries after `place`. `before` reads entries before `place`, including earlier epochs. */
  readonly direction: 'after' | 'before'
  /** If not null, entries are read only if this epoch is the stream's current epoch. */
  readonly epoch: string | null
  /** ID of an entry (`<epoch>-<seq>`), or a `seq` of the current epoch; null stands for the end of the stream. */
  readonly place: string | null
  readonly count: number
}

/** State of a stream, and a part of its entries. */
export type HistoryPage = {
  readonly epoch: string
  readonly head: number
  /** Sequence number of the oldest entry of the current epoch; `head + 1` if the epoch has no entries. */
  readonly low: number
  /** True if there are entries of earlier epochs. */
  readonly hasEarlier: boolean
  /** Current time of Redis, in milliseconds since 1970. */
  readonly now: number
  /** Entries, the oldest first. Entries of earlier epochs have `seq` 0. */
  readonly entries: readonly Kept[]
  /** ID of the oldest entry that was read; null if no entry was read. */
  readonly oldest: string | null
  /** Sequence number (`seq`) of the newest entry that was read; null if no entry was read. */
  readonly last: number | null
}

/** Reads the streams of topics. */
export class HistoryReader {
  readonly #connection: RedisConnection
  readonly #durable: string
  readonly #note: (topic: string, count: number) => void

  constructor(connection: RedisConnection, isDurable: boolean, note: (topic: string, count: number) => void) {
    this.#connection = connection
    this.#durable = isDurable ? '1' : '0'
    this.#note = note
  }

  /** Read a page of at most `PAGE` entries. Rejects while Redis is unavailable. */
  async read(topic: string, { ttlMs }: HistorySettings, query: HistoryQuery): Promise<HistoryPage> {
    const { mode, direction, epoch, place, count } = query
    const key = this.#connection.keys.ofTopic(topic, 'log')
    const limit = String(Math.min(count, PAGE))
    const args = [this.#durable, String(ttlMs), mode, direction, epoch ?? '', place ?? '', limit]
    const page = pageOf(await this.#connection.orderedScript(READ, [key], args), direction)
    this.#note(topic, page.entries.length)
    // Drop the newest expired entry and all entries before it, so that the returned entries are consecutive.
    const old = page.entries.findLastIndex((kept) => kept.at + ttlMs <= page.now)
    return { ...page, entries: page.entries.slice(old + 1) }
  }

  /**
   * Read part of a history for an application. Creates no epoch and does not extend the stream's lifetime. Rejects
   * while Redis is unavailable.
   */
  part(topic: string, settings: HistorySettings, range: HistoryRange): Promise<HistoryPart> {
    return 'since' in range ? this.#forwards(topic, settings, range) : this.#backwards(topic, settings, range)
  }

  async #forwards(
    topic: string,
    settings: HistorySettings,
    { since, limit }: Extract<HistoryRange, { since: unknown }>,
  ): Promise<HistoryPart> {
    const entries: Kept[] = []
    let place: Position = typeof since === 'number' ? { epoch: '', seq: since } : since
    for (;;) {
      const { epoch, seq } = place
      const count = limit - entries.length
      const query = { mode: 'look', direction: 'after', epoch, place: String(seq), count } as const
      const page = await this.read(topic, settings, query)
      const isOther = epoch !== '' && epoch !== page.epoch
      // If the epoch has changed, `page` has no entries. Discard the entries of the old epoch, and read the new epoch
      // from its start.
      if (isOther) entries.length = 0
      entries.push(...page.entries)
      const last = isOther ? 0 : (page.last ?? page.head)
      place = { epoch: page.epoch, seq: last }
      if (last < page.head && entries.length < limit) continue
      const { head, low } = page
      return { epoch: page.epoch, head, entries, hasOlder: (entries[0]?.seq ?? head) > low }
    }
  }

  async #backwards(
    topic: string,
    settings: HistorySettings,
    { last, before }: Extract<HistoryRange, { last: number }>,
  ): Promise<HistoryPart> {
    let entries: Kept[] = []
    let place = before === undefined ? null : String(before)
    let current: string | null = null
    for (;;) {
      const count = last - entries.length
      const query = { mode: 'look', direction: 'before', epoch: null, place, count } as const
      const { epoch, head, low, oldest, entries: found } = await this.read(topic, settings, query)
      // If the epoch has changed since the last read, the entries read so far belong to an earlier epoch: set `seq` 0.
      if (current !== null && current !== epoch) entries = entries.map((kept) => ({ ...kept, seq: 0 }))
      current = epoch
      entries = [...found, ...entries]
      place = oldest
      if (oldest !== null && entries.length < last) continue
      return { epoch, head, entries, hasOlder: (entries[0]?.seq ?? low) > low }
    }
  }
}

function pageOf(reply: unknown, direction: HistoryQuery['direction']): HistoryPage {
  const [epochText, head, low, hasEarlier, now, list]: unknown[] = Array.isArray(reply) ? reply : []
  const epoch = String(epochText)
  const rows: unknown[] = Array.isArray(list) ? list : []
  if (direction === 'before') rows.reverse()
  const entries = rows.map((row) => keptOf(epoch, row))
  return {
    epoch,
    head: Number(head),
    low: Number(low),
    hasEarlier: Number(hasEarlier) === 1,
    now: Number(now),
    entries,
    oldest: rows.length === 0 ? null : idOf(rows[0]),
    last: entries.at(-1)?.seq ?? null,
  }
}

function idOf(row: unknown): string {
  return String(Array.isArray(row) ? row[0] : '')
}

function keptOf(epoch: string, row: unknown): Kept {
  const [, fields]: unknown[] = Array.isArray(row) ? row : []
  const [of, seq] = idOf(row).split('-')
  const [, message, , at]: unknown[] = Array.isArray(fields) ? fields : []
  if (!Buffer.isBuffer(message)) throw new TypeError(`malformed entry ${idOf(row)} of a history in Redis`)
  return decodeKept(message, of === epoch ? Number(seq) : 0, Number(at))
}
