import fc from 'fast-check'
import { Presence as Official } from 'phoenix'
import { expect, it } from 'vitest'
import { PendingDiff } from '../../../server/presence/pending-diff.ts'
import {
  type Change,
  type Entries,
  type Presence,
  PresenceState,
  toEntries,
} from '../../../server/presence/state.ts'

const KEYS = ['ann', 'bob', '__proto__', '7']
const EMPTY: Change = { joins: [], leaves: [] }

/** One thing that happens on a topic; `at` chooses the presence or the key. */
const event = fc.record({
  deed: fc.constantFrom('join', 'join', 'leave', 'leave', 'update', 'update', 'return', 'list', 'tell'),
  at: fc.nat(30),
})
type Event = { readonly deed: string; readonly at: number }

/** The list of an official client, which syncs what the server sends. */
class Client {
  list: object = {}

  state(entries: Entries): void {
    this.list = Official.syncState(this.list, plain(entries))
  }
  diff({ joins, leaves }: Change): void {
    const diff = { joins: plain(toEntries(joins)), leaves: plain(toEntries(leaves)) }
    this.list = Official.syncDiff(this.list, diff)
  }
}

/** As it comes over the wire. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value))
}

/** A topic of the server, a client that hears of each change, one that is told merged diffs, and list readers. */
class Topic {
  readonly view = new PresenceState()
  readonly pending = new PendingDiff()
  readonly each = new Client()
  readonly told = new Client()
  readonly readers: Client[] = []
  readonly gone: Presence[] = []
  refs = 0

  make(change: Change): void {
    const news = this.view.merge(change)
    this.each.diff(news)
    this.pending.add(news)
    this.gone.push(...news.leaves)
  }

  do({ deed, at }: Event): void {
    const all = [...this.view]
    const one = all[at % all.length]
    const back = this.gone[at % this.gone.length]
    if (deed === 'join') this.make({ ...EMPTY, joins: [this.meta(KEYS[at % KEYS.length] ?? '')] })
    if (deed === 'leave' && one !== undefined) this.make({ ...EMPTY, leaves: [one] })
    if (deed === 'update' && one !== undefined) this.make({ joins: [this.meta(one.key)], leaves: [one] })
    // A node that was taken for dead comes back with the references that it had.
    if (deed === 'return' && back !== undefined) this.make({ ...EMPTY, joins: [back] })
    if (deed === 'list') this.read(all)
    if (deed === 'tell') this.tell()
  }

  tell(): void {
    const diff = this.pending.take()
    for (const client of [this.told, ...this.readers]) client.diff(diff)
    for (const client of [this.told, this.each, ...this.readers])
      expect(plain(client.list)).toEqual(plain(toEntries(this.view)))
  }

  read(all: readonly Presence[]): void {
    const reader = new Client()
    reader.state(toEntries(all))
    this.pending.listed()
    this.readers.push(reader)
  }

  meta(key: string): Presence {
    this.refs += 1
    return { key, meta: { phx_ref: `F${this.refs}` } }
  }
}

it('merged diffs give the official client the same list as a diff for each change (PRESENCE-4)', () => {
  const property = fc.property(fc.array(event, { minLength: 1, maxLength: 80 }), (events) => {
    const topic = new Topic()
    for (const one of events) topic.do(one)
    topic.tell()
  })
  fc.assert(property, { numRuns: 500 })
})
