import type { Broadcast } from '../../protocol/index.ts'
import { LocalEngine } from '../../server/engine/local-engine.ts'
import type { HistoryHost, OpenHistory } from '../../server/pubsub/history.ts'
import { LocalHistory } from '../../server/pubsub/local-history.ts'

/** Engine in this process whose history fails when the test says so, as a history beyond a network does. */
export class BreakableEngine extends LocalEngine {
  #host: HistoryHost | null = null

  override readonly openHistory: OpenHistory = (host) => {
    this.#host = host
    return new LocalHistory(host)
  }

  /** The histories of these topics have lost broadcasts. */
  break(...topics: string[]): void {
    this.#host?.broken(topics)
  }

  /** Deliver a kept broadcast that is not in the history, for example one of a new epoch. */
  deliver(broadcast: Broadcast): void {
    this.#host?.deliver(broadcast)
  }
}
