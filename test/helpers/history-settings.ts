import type { HistorySettings } from '../../server/pubsub/history.ts'

/** Settings of the histories of tests. */
export const SETTINGS: HistorySettings = {
  pattern: 'room:*',
  size: 100,
  ttlMs: 60_000,
  maxBytes: 1_048_576,
  keyTtlMs: 60_000,
  events: new Set(['said']),
  onJoin: 0,
}
