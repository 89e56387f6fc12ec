import { checkOption, rule } from '../../protocol/check.ts'
import { adopt } from '../runtime/promise.ts'
import type { PresenceOwner, TrackedListener } from './tracked.ts'
import type { Trackers } from './trackers.ts'

/** Something that ends, e.g. a worker: `exited` settles when it has. */
export interface Living {
  readonly exited: PromiseLike<unknown>
}

const somethingLiving = rule(
  'a worker, or an object with a promise `exited`',
  (value) =>
    typeof value === 'object' && value !== null && typeof Object(Object(value).exited).then === 'function',
)

/** The presences of a worker, or of anything else that is not a channel but ends; made by `endpoint.ownerOf`. */
export class LivingOwner implements PresenceOwner {
  readonly trackers: Trackers
  readonly #listeners: Set<TrackedListener>
  #hasEnded: boolean

  /** @throws UsageError when `living` has no `exited`. */
  constructor(trackers: Trackers, living: Living) {
    checkOption('endpoint.ownerOf(): the argument', living, somethingLiving)
    this.trackers = trackers
    this.#listeners = new Set()
    this.#hasEnded = false
    const end = (): void => this.#end()
    void adopt(living.exited).then(end, end)
  }

  onEnd(listener: TrackedListener): void {
    if (this.#hasEnded) listener.ended(this)
    else this.#listeners.add(listener)
  }

  #end(): void {
    this.#hasEnded = true
    for (const listener of this.#listeners) listener.ended(this)
    this.#listeners.clear()
  }
}
