import { randomInt } from 'node:crypto'
import type { Broadcast } from '../../protocol/index.ts'
import {
  type Appended,
  type HandOver,
  type HistoryHost,
  type HistoryPart,
  type HistoryRange,
  type HistorySettings,
  type HistoryStore,
  type Kept,
  type Position,
  type Recovery,
  type RecoveryRequest,
  recoveryOf,
} from './history.ts'
import { checkFile, type SavedTopic, saveHistories, takeHistories } from './history-file.ts'
import { LocalTopic } from './local-topic.ts'
import { Run } from './run.ts'

/** Maximum number of topics that one call of `sweep` checks. */
const SWEPT_TOPICS = 1_000
/** Fraction of the memory limit that a cleanup leaves unused, so that the next broadcasts need no cleanup. */
const FREED_PART = 0.05
/** Fraction of the memory limit that keys can use when the limit is reached. */
const KEYS_PART = 0.5

type Host = Pick<HistoryHost, 'maxBytes' | 'handOver' | 'deliver' | 'note' | 'failed'>

/** In-memory store of one process. `append` and `pass` deliver in the same event-loop turn. */
export class LocalHistory implements HistoryStore {
  readonly #host: Host
  readonly #topics: Map<string, LocalTopic>
  /** Topics without subscribers that have never had a broadcast, the least recently used one first. */
  readonly #empty: Set<string>
  /** Topics without subscribers that have had broadcasts, the least recently used one first. */
  readonly #idle: Set<string>
  /** Topics that have had broadcasts. The topic that has had no broadcast for the longest time is first. */
  readonly #filled: Set<LocalTopic>
  /** Topics with keys. */
  readonly #keyed: Set<LocalTopic>
  #bytes: number
  #isStopped: boolean
  /** True if `stop` may replace the hand-over file: once `start` has tried to read the file, until the first `stop`. */
  #hasTaken: boolean
  #lastEpoch: number
  /** Iterator over the topics. Each call of `sweep` checks the next `SWEPT_TOPICS` topics. */
  #swept: Iterator<[string, LocalTopic]> | null

  constructor(host: Host) {
    this.#host = host
    this.#topics = new Map()
    this.#empty = new Set()
    this.#idle = new Set()
    this.#filled = new Set()
    this.#keyed = new Set()
    this.#bytes = 0
    this.#isStopped = false
    this.#hasTaken = false
    this.#lastEpoch = 0
    this.#swept = null
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @throws UsageError with `PHX_ERR_OPTION` when the hand-over file cannot be written. */
  start(): void {
    const { handOver = null } = this.#host
    if (handOver === null) return
    checkFile(handOver.file)
    this.#hasTaken = true
    try {
      this.#takeOver(takeHistories(handOver.file), handOver)
    } catch (error) {
      handOver.warn({ err: error, file: handOver.file }, 'history file not read; histories begin empty')
    }
  }

  stop(): void {
    this.#isStopped = true
    const { handOver = null, failed } = this.#host
    if (handOver === null || !this.#hasTaken) return
    this.#hasTaken = false
    try {
      saveHistories(handOver.file, Array.from(this.#topics, saved))
    } catch (error) {
      failed('stop', error)
    }
  }

  subscribe(name: string, settings: HistorySettings): void {
    const topic = this.#topic(name, settings)
    this.#measured(topic, () => {
      topic.isFollowed = true
    })
    this.#empty.delete(name)
    this.#idle.delete(name)
  }

  unsubscribe(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    const before = topic.bytes
    topic.isFollowed = false
    this.#used(name, topic)
    this.#count(topic.bytes - before, name)
  }

  append(broadcast: Broadcast, settings: HistorySettings, key: string | null): Appended {
    if (this.#isStopped) return { outcome: 'unknown' }
    const topic = this.#topic(broadcast.topic, settings)
    const { run, keys } = topic
    const now = this.#now(topic)
    const before = topic.bytes
    const known = key === null ? null : keys.find(key, broadcast, now)
    if (known !== null) this.#bytes += topic.bytes - before
    if (known === 'reused') return { outcome: 'key_reused' }
    if (known !== null) return { outcome: 'kept', position: { epoch: run.epoch, seq: known } }
    const { event, from, json } = broadcast
    broadcast.seq = run.head + 1
    // `json` is never null here, because the pubsub refuses to keep payloads that are not JSON.
    run.add({ seq: broadcast.seq, at: now, event, from, json: json ?? '' })
    this.#filled.delete(topic)
    this.#filled.add(topic)
    if (key !== null) {
      keys.add(key, broadcast, now)
      this.#keyed.delete(topic)
      this.#keyed.add(topic)
    }
    topic.trim(now)
    if (!topic.isFollowed) this.#used(broadcast.topic, topic)
    this.#count(topic.bytes - before)
    const position = { epoch: run.epoch, seq: broadcast.seq }
    this.#deliver(topic, broadcast)
    return { outcome: 'kept', position }
  }

  pass(broadcast: Broadcast): undefined {
    const topic = this.#topics.get(broadcast.topic)
    if (topic === undefined) this.#host.deliver(broadcast)
    else this.#deliver(topic, broadcast)
  }

  head(name: string, settings: HistorySettings): Position {
    const { run, delivered } = this.#topic(name, settings)
    return { epoch: run.epoch, seq: delivered }
  }

  recover(
    name: string,
    settings: HistorySettings,
    request: RecoveryRequest,
    answer: (recovery: Recovery | null) => void,
  ): void {
    const topic = this.#topic(name, settings)
    this.#trim(topic, this.#now(topic))
    const { run, delivered } = topic
    answer({ ...recoveryOf({ epoch: run.epoch, low: run.low, head: delivered }, request), earlier: [] })
  }

  replay(name: string, { epoch, seq }: Position, count: number): readonly Kept[] | null {
    const topic = this.#topics.get(name)
    if (topic === undefined || topic.run.epoch !== epoch) return null
    this.#trim(topic, this.#now(topic))
    if (seq < topic.run.low - 1 || seq > topic.delivered) return null
    return topic.run.between(seq, topic.delivered, count)
  }

  async read(name: string, _settings: HistorySettings, range: HistoryRange): Promise<HistoryPart> {
    const topic = this.#topics.get(name)
    // Reading does not create a topic. Return the epoch `0`, which no log ever has.
    if (topic === undefined) return { epoch: '0', head: 0, entries: [], hasOlder: false }
    this.#trim(topic, this.#now(topic))
    const { run } = topic
    const { epoch, low, head } = run
    if ('since' in range) {
      const entries = run.between(seqOf(range.since, epoch), head, range.limit)
      return { epoch, head, entries, hasOlder: (entries[0]?.seq ?? head) > low }
    }
    const to = Math.min(head, (range.before ?? head + 1) - 1)
    const entries = run.between(to - range.last, to)
    return { epoch, head, entries, hasOlder: (entries[0]?.seq ?? low) > low }
  }

  /** Remove expired topics and broadcasts. */
  sweep(): void {
    for (let looked = 0; looked < SWEPT_TOPICS; looked++) {
      this.#swept ??= this.#topics.entries()
      const next = this.#swept.next()
      if (next.done === true) {
        this.#swept = null
        return
      }
      const [name, topic] = next.value
      const now = this.#now(topic)
      if (topic.isOver(now)) this.#remove(name, topic)
      else this.#trim(topic, now)
    }
  }

  #topic(name: string, settings: HistorySettings): LocalTopic {
    const known = this.#topics.get(name)
    const now = Date.now()
    if (known !== undefined && !known.isOver(now)) return known
    if (known !== undefined) {
      this.#remove(name, known)
      this.#host.note({ kind: 'epoch', topic: name })
    }
    const topic = new LocalTopic(settings, new Run(this.#newEpoch(now)), now)
    this.#topics.set(name, topic)
    this.#empty.add(name)
    this.#count(topic.bytes, name)
    return topic
  }

  #takeOver(topics: readonly SavedTopic[], { file, settingsOf, warn }: HandOver): void {
    let expired = 0
    for (const { name, epoch, head, usedAt, kept, keys } of topics.toSorted((a, b) => a.usedAt - b.usedAt)) {
      const settings = settingsOf(name)
      const begun = this.#topics.get(name)
      if (settings === null || (begun !== undefined && begun.run.head > 0)) continue
      const run = new Run(epoch, head - kept.length)
      for (const one of kept) run.add(one)
      const topic = new LocalTopic(settings, run, usedAt)
      for (const [key, known] of keys) topic.keys.restore(key, known)
      const now = this.#now(topic)
      topic.trim(now)
      if (topic.isOver(now)) expired++
      else this.#adopt(name, topic, begun)
    }
    if (expired > 0) warn({ file, expired }, 'history file is old; expired histories were not restored')
  }

  #adopt(name: string, topic: LocalTopic, begun: LocalTopic | undefined): void {
    if (begun !== undefined) this.#remove(name, begun)
    topic.isFollowed = begun?.isFollowed ?? false
    this.#topics.set(name, topic)
    if (topic.run.count > 0) this.#filled.add(topic)
    if (topic.keys.bytes > 0) this.#keyed.add(topic)
    if (!topic.isFollowed) (topic.isEmpty ? this.#empty : this.#idle).add(name)
    this.#count(topic.bytes, name)
  }

  /** Create an epoch id: the current time in milliseconds, made unique in this process, and six random digits. */
  #newEpoch(now: number): string {
    this.#lastEpoch = Math.max(now, this.#lastEpoch + 1)
    return `${this.#lastEpoch}${String(randomInt(1_000_000)).padStart(6, '0')}`
  }

  /** Current time. If the clock has gone back, the time of the topic's last use instead. */
  #now({ usedAt }: LocalTopic): number {
    return Math.max(Date.now(), usedAt)
  }

  /** Mark a topic without subscribers as the most recently used. */
  #used(name: string, topic: LocalTopic): void {
    topic.usedAt = this.#now(topic)
    this.#empty.delete(name)
    this.#idle.delete(name)
    const names = topic.isEmpty ? this.#empty : this.#idle
    names.add(name)
  }

  /** Deliver a broadcast. Broadcasts that subscribers send during this delivery are delivered afterwards, in order. */
  #deliver(topic: LocalTopic, broadcast: Broadcast): void {
    if (topic.waiting !== null) return void topic.waiting.push(broadcast)
    topic.waiting = []
    for (let next: Broadcast | undefined = broadcast; next !== undefined; next = topic.waiting.shift()) {
      if (next.seq > 0) topic.delivered = next.seq
      this.#host.deliver(next)
    }
    topic.waiting = null
  }

  #trim(topic: LocalTopic, now: number): void {
    this.#measured(topic, () => topic.trim(now))
  }

  /** Call `change`, which changes the memory of a topic, and count the difference. */
  #measured(topic: LocalTopic, change: () => void): void {
    const before = topic.bytes
    change()
    this.#bytes += topic.bytes - before
  }

  #remove(name: string, topic: LocalTopic): void {
    this.#topics.delete(name)
    this.#empty.delete(name)
    this.#idle.delete(name)
    this.#filled.delete(topic)
    this.#keyed.delete(topic)
    this.#bytes -= topic.bytes
  }

  /**
   * Change the number of used bytes. If the number exceeds the limit, free memory in this order: topics without
   * subscribers (except `added`), keys above `KEYS_PART`, broadcasts. Memory that cannot be freed does not count (see
   * `LocalTopic.bytes`), so this always frees enough.
   */
  #count(change: number, added: string | null = null): void {
    this.#bytes += change
    if (this.#bytes <= this.#host.maxBytes) return
    const target = this.#host.maxBytes * (1 - FREED_PART)
    this.#removeIdle(this.#empty, target, added)
    this.#removeIdle(this.#idle, target, added)
    this.#dropKeys(this.#host.maxBytes * KEYS_PART)
    this.#dropOldest(target)
  }

  #removeIdle(names: ReadonlySet<string>, target: number, added: string | null): void {
    for (const name of names) {
      if (this.#bytes <= target) return
      const topic = this.#topics.get(name)
      if (topic !== undefined && name !== added) this.#remove(name, topic)
    }
  }

  /**
   * If the keys of all topics use more than `max` bytes, remove the oldest keys of the topics whose keys use most. Begin
   * with the topic that has had no key for the longest time, and remove no more keys than needed.
   */
  #dropKeys(max: number): void {
    const topics = [...this.#keyed]
    const used = (share: number) => topics.reduce((sum, { keys }) => sum + Math.min(keys.bytes, share), 0)
    const all = used(Number.POSITIVE_INFINITY)
    if (all <= max) return
    const target = max * (1 - FREED_PART)
    let share = max
    while (used(share) > target) share /= 2
    let excess = all - target
    for (const topic of topics) {
      if (excess <= 0) return
      const { bytes } = topic.keys
      this.#measured(topic, () => topic.keys.dropOldest(Math.max(share, bytes - excess)))
      excess -= bytes - topic.keys.bytes
      if (topic.keys.bytes === 0) this.#keyed.delete(topic)
    }
  }

  /**
   * Drop broadcasts, the oldest of a topic first. Begin with the topic that has had no broadcast for the longest time.
   */
  #dropOldest(target: number): void {
    for (const topic of this.#filled) {
      const { run } = topic
      const enough = topic.bytes - (this.#bytes - target)
      this.#measured(topic, () => {
        while (topic.bytes > enough && run.count > 0) run.drop()
      })
      if (this.#bytes <= target) return
      this.#filled.delete(topic)
    }
  }
}

/** Sequence number after which to read. A position of another epoch is before all broadcasts of this epoch. */
function seqOf(since: Position | number, epoch: string): number {
  if (typeof since === 'number') return since
  return since.epoch === epoch ? since.seq : 0
}

function saved([name, { run, keys, isFollowed, usedAt }]: [string, LocalTopic]): SavedTopic {
  const { epoch, head } = run
  const kept = run.between(run.low - 1, head)
  return { name, epoch, head, usedAt: isFollowed ? Date.now() : usedAt, kept, keys: [...keys.entries()] }
}
