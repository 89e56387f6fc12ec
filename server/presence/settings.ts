import type { TSchema } from 'typebox'
import type { TopicPattern } from '../../protocol/index.ts'
import type { Fetch } from './fetch.ts'
import type { HandleMetas } from './metas-listener.ts'

/** Resolved options of a presence definition. */
export type PresenceSettings = {
  /** Name of the presence definition and of its stores. The name is the same on all nodes. */
  readonly name: string
  readonly pattern: TopicPattern
  readonly meta: TSchema
  readonly fetch: Fetch | null
  readonly handleMetas: HandleMetas | null
  /** Milliseconds during which changes are merged into one diff; 0 means one event-loop turn. */
  readonly windowMs: number
  /** Maximum number of keys in a `presence_state`. */
  readonly maxState: number
}
