import { onTestFinished } from 'vitest'
import { Broadcast } from '../../protocol/index.ts'
import type {
  Appended,
  HistoryHost,
  HistoryNote,
  HistorySettings,
  HistoryStore,
  Kept,
  Position,
  Recovery,
  RecoveryRequest,
} from '../../server/pubsub/history.ts'
import { RedisEngine, type RedisEngineOptions } from '../../server/redis/index.ts'
import { isPromise } from '../../server/runtime/promise.ts'
import { SETTINGS } from './history-settings.ts'
import { until } from './until.ts'

const NOTHING: RecoveryRequest = { since: null, last: 0, noted: null }
let nodes = 0

/** A node with a Redis engine and its history store, until the end of the test; it has no channels. */
export class HistoryNode implements HistoryHost {
  readonly maxBytes = 1_000_000
  readonly engine: RedisEngine
  readonly store: HistoryStore
  readonly settings: HistorySettings
  /** Delivered broadcasts, as `n`, or `n@seq` if kept. */
  readonly heard: string[] = []
  readonly brokenTopics: string[] = []
  readonly gaps: string[] = []
  readonly notes: HistoryNote[] = []
  readonly faults: unknown[] = []
  readonly lines: string[] = []

  constructor(options: RedisEngineOptions, settings: Partial<HistorySettings> = {}) {
    this.settings = { ...SETTINGS, ...settings }
    this.engine = new RedisEngine(options)
    this.store = this.engine.openHistory(this)
  }

  /** A node that has reached Redis. */
  static async start(
    options: RedisEngineOptions,
    settings: Partial<HistorySettings> = {},
  ): Promise<HistoryNode> {
    const node = new HistoryNode(options, settings)
    node.begin()
    await node.is('up')
    return node
  }

  /** Begin to connect. */
  begin(): void {
    nodes += 1
    const line = (level: string) => (_details: object, message: string) =>
      void this.lines.push(`${level}: ${message}`)
    void this.engine.start({ nodeId: `node-${nodes}`, logger: { warn: line('warn'), info: line('info') } })
    void this.engine.adapter.start(
      (broadcast) => this.deliver(broadcast),
      (topics) => void this.gaps.push(...topics),
    )
    void this.store.start()
    onTestFinished(() => this.stop())
  }

  async stop(): Promise<void> {
    await this.store.stop()
    void this.engine.adapter.stop()
    await this.engine.stop()
  }

  async is(state: 'up' | 'down'): Promise<void> {
    await until(() => this.engine.state === state, { timeout: 15_000 })
  }

  deliver(broadcast: Broadcast): void {
    const n = Reflect.get(Object(broadcast.payload), 'n')
    this.heard.push(broadcast.seq === 0 ? `${n}` : `${n}@${broadcast.seq}`)
  }

  broken(topics: readonly string[]): void {
    this.brokenTopics.push(...topics)
  }

  note(note: HistoryNote): void {
    this.notes.push(note)
  }

  failed(_call: string, cause: unknown): void {
    this.faults.push(cause)
  }

  /** The number of notes of a kind. */
  count(kind: HistoryNote['kind']): number {
    return this.notes.filter((note) => note.kind === kind).length
  }

  /** Follow a topic, as its first subscriber does. */
  async follow(topic = 'room:a'): Promise<void> {
    await Promise.all([this.engine.adapter.subscribe(topic), this.store.subscribe(topic, this.settings)])
  }

  leave(topic = 'room:a'): void {
    this.engine.adapter.unsubscribe(topic)
    this.store.unsubscribe(topic)
  }

  /** Keep a number; the outcome. */
  async append(n: number, key: string | null = null, more: object = {}): Promise<Appended> {
    const { topic = 'room:a', from = null, ...rest } = more as { topic?: string; from?: string }
    return this.store.append(new Broadcast(topic, 'said', { n, ...rest }, { from }), this.settings, key)
  }

  /** Keep numbers, one after the other, all at once; the position of the last. */
  async say(...numbers: number[]): Promise<Position> {
    const outcomes = await Promise.all(numbers.map((n) => this.append(n)))
    const last = outcomes.at(-1)
    if (last?.outcome !== 'kept') throw new Error(`not kept: ${JSON.stringify(last)}`)
    return last.position
  }

  /** Send a number that is not kept. */
  async pass(n: number): Promise<boolean | undefined> {
    return this.store.pass(new Broadcast('room:a', 'blinked', { n }), this.settings)
  }

  /** Decide how a client goes on. */
  recover(request: Partial<RecoveryRequest>, topic = 'room:a'): Promise<Recovery | null> {
    return new Promise((resolve) => {
      this.store.recover(topic, this.settings, { ...NOTHING, ...request }, resolve)
    })
  }

  /** All numbers after a position; null if they are not there. */
  async replay(after: Position, topic = 'room:a'): Promise<number[] | null> {
    const numbers: number[] = []
    let { seq } = after
    for (;;) {
      const found = this.store.replay(topic, { ...after, seq }, 64)
      if (found === null) return null
      if (isPromise(found)) await found
      else if (found.length === 0) return numbers
      else {
        numbers.push(...found.map(numberOf))
        seq = found.at(-1)?.seq ?? seq
      }
    }
  }

  /** Wait until the last thing that was heard is this. */
  async hears(last: string): Promise<void> {
    await until(() => this.heard.at(-1) === last, { timeout: 15_000 })
  }
}

/** The number in a kept broadcast. */
export function numberOf({ json }: Kept): number {
  return Number(JSON.parse(json).n)
}

/** Numbers from `from` to `to`. */
export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** Lines that a node hears of numbers that are kept at places of the same number. */
export function places(from: number, to: number, shift = 0): string[] {
  return numbers(from, to).map((n) => `${n}@${n - shift}`)
}
