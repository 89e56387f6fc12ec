import { isDeepStrictEqual } from 'node:util'
import {
  type Contract,
  matchTopic,
  parseTopicPattern,
  type TopicPattern,
  UsageError,
} from '../../protocol/index.ts'
import type { HistorySettings } from './history.ts'

/** Fields of a contract that determine the histories of the contract's topics. */
export type HistoryContract = Pick<Contract, 'topic' | 'history'>

type Entry = { readonly pattern: TopicPattern; readonly settings: HistorySettings }

/** Settings of an endpoint's histories, by topic. */
export class Histories {
  readonly #entries: Entry[]

  /** @throws UsageError with `PHX_ERR_OPTION` when overlapping patterns have different histories. */
  constructor(contracts: readonly HistoryContract[]) {
    this.#entries = []
    for (const contract of contracts) {
      if (contract.history !== undefined) this.#add(parseTopicPattern(contract.topic), settingsOf(contract))
    }
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** Settings of all histories, one per contract with a history. */
  get settings(): HistorySettings[] {
    return this.#entries.map(({ settings }) => settings)
  }

  /** Settings of a topic's history; null if the topic has no history. */
  of(topic: string): HistorySettings | null {
    for (const { pattern, settings } of this.#entries) if (matchTopic(pattern, topic)) return settings
    return null
  }

  #add(pattern: TopicPattern, settings: HistorySettings): void {
    const other = this.#entries.find((entry) => overlap(entry.pattern, pattern))
    if (
      other !== undefined &&
      !isDeepStrictEqual({ ...other.settings, pattern: '' }, { ...settings, pattern: '' })
    ) {
      const given = `those of "${other.pattern.pattern}" and "${pattern.pattern}" differ`
      throw new UsageError(
        'PHX_ERR_OPTION',
        `contracts whose topics overlap must have equal \`history\` settings (${given})`,
      )
    }
    this.#entries.push({ pattern, settings })
  }
}

/** Settings of a contract's history, with defaults. */
function settingsOf({ topic, history }: HistoryContract): HistorySettings {
  const {
    events = [],
    size = 100,
    ttlMs = 300_000,
    maxBytes = 1_048_576,
    keyTtlMs = 300_000,
    onJoin = 0,
  } = history ?? {}
  return Object.freeze({ pattern: topic, size, ttlMs, maxBytes, keyTtlMs, onJoin, events: new Set(events) })
}

/** Returns true if a topic can match both patterns. */
function overlap(a: TopicPattern, b: TopicPattern): boolean {
  return matchTopic(a, b.prefix) || matchTopic(b, a.prefix)
}
