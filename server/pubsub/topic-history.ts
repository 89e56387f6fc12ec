import type { Broadcast } from '../../protocol/index.ts'
import type {
  HistoryPart,
  HistoryRange,
  HistorySettings,
  HistoryStore,
  Kept,
  Position,
  Recovery,
  RecoveryRequest,
} from './history.ts'
import type { Replays } from './replays.ts'

/** History of one topic, for channels and routes. */
export class TopicHistory {
  readonly topic: string
  readonly settings: HistorySettings
  readonly #store: HistoryStore
  readonly #replays: Replays

  constructor(topic: string, settings: HistorySettings, store: HistoryStore, replays: Replays) {
    this.topic = topic
    this.settings = settings
    this.#store = store
    this.#replays = replays
  }

  /** Return the position at the end of the topic's log (see `HistoryStore.head`). */
  head(): Position | null | Promise<Position | null> {
    return this.#store.head(this.topic, this.settings)
  }

  /** Decide where a client continues, and pass the decision to `answer` (see `HistoryStore.recover`). */
  recover(request: RecoveryRequest, answer: (recovery: Recovery | null) => void): void {
    this.#store.recover(this.topic, this.settings, request, answer)
  }

  /** Return up to `count` delivered broadcasts that follow a position (see `HistoryStore.replay`). */
  replay(after: Position, count: number): readonly Kept[] | null | Promise<void> {
    return this.#store.replay(this.topic, after, count)
  }

  /** Read a part of the history for the application (see `HistoryStore.read`). */
  read(range: HistoryRange): Promise<HistoryPart | null> {
    return this.#store.read(this.topic, this.settings, range)
  }

  /** Return the `Broadcast` of a history entry. Clients that rejoin within a short time share the object. */
  broadcastOf(kept: Kept): Broadcast {
    return this.#replays.of(this.topic, kept)
  }
}
