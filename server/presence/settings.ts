import type { TSchema } from 'typebox'
import type { TopicPattern } from '../../protocol/index.ts'
import type { Fetch } from './fetch.ts'
import type { HandleMetas } from './metas-listener.ts'

/** A presence definition as its trackers read it. */
export type PresenceSettings = {
  /** What its stores are called, the same on all nodes. */
  readonly name: string
  readonly pattern: TopicPattern
  readonly meta: TSchema
  readonly fetch: Fetch | null
  readonly handleMetas: HandleMetas | null
  /** Milliseconds; 0 is one turn of the event loop. */
  readonly windowMs: number
  /** Keys. */
  readonly maxState: number
}
