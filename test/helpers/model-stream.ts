import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from '../../server/pubsub/history.ts'
import { type HistoryPage, type HistoryQuery, PAGE } from '../../server/redis/history-reader.ts'
import type { Echoed } from '../../server/redis/message.ts'

/** A stream as Redis keeps it, and the messages and answers that are on their way to a node. */
export class ModelStream {
  epoch = 1
  head = 0
  /** Kept broadcasts of the present epoch. */
  entries: Kept[] = []
  earlier: Kept[] = []
  /** Every broadcast that was kept, as `epoch-seq`. */
  readonly all: string[] = []
  readonly published: Echoed[] = []
  isAway = false
  readonly #answers: (() => void)[] = []

  append(): void {
    this.head += 1
    const kept = { seq: this.head, at: Date.now(), event: 'said', from: null, json: `{"n":${this.head}}` }
    this.entries.push(kept)
    this.all.push(`${this.epoch}-${this.head}`)
    const broadcast = Broadcast.fromJson('room:a', 'said', kept.json, { seq: kept.seq })
    this.published.push({ epoch: String(this.epoch), at: kept.at, broadcast })
  }

  /** Lose all but the latest. */
  trim(count: number): void {
    this.entries = count === 0 ? [] : this.entries.slice(-count)
  }

  /** Another process: a new epoch, to which the entries are of earlier ones. */
  restart(): void {
    this.earlier = [...this.earlier, ...this.entries].map((kept) => ({ ...kept, seq: 0 }))
    this.entries = []
    this.epoch += 1
    this.head = 0
  }

  /** Read now; the answer arrives when it is let through. */
  read(_topic: string, _settings: object, query: HistoryQuery): Promise<HistoryPage> {
    const page = this.isAway ? null : this.#page(query)
    return new Promise((resolve, reject) => {
      this.#answers.push(() => {
        if (page === null) reject(new Error('away'))
        else resolve(page)
      })
    })
  }

  /** Let the answer through that waits longest; false if there is none. */
  async answer(): Promise<boolean> {
    const answer = this.#answers.shift()
    answer?.()
    await new Promise((resolve) => setImmediate(resolve))
    return answer !== undefined
  }

  #page({ epoch, place, count, direction }: HistoryQuery): HistoryPage {
    const after = Number(place?.split('-').at(-1) ?? 0)
    const isOwn = epoch === null || epoch === String(this.epoch)
    const following = isOwn
      ? this.entries.filter(({ seq }) => seq > after).slice(0, Math.min(count, PAGE))
      : []
    const entries = direction === 'before' ? this.earlier.slice(-count) : following
    return {
      epoch: String(this.epoch),
      head: this.head,
      low: this.entries[0]?.seq ?? this.head + 1,
      hasEarlier: this.earlier.length > 0,
      now: Date.now(),
      entries: count === 0 ? [] : entries,
      oldest: null,
      last: entries.at(-1)?.seq ?? null,
    }
  }
}
