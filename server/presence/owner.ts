import { checkOption, rule } from '../../protocol/check.ts'
import { isObject } from '../runtime/object.ts'
import { adopt } from '../runtime/promise.ts'
import type { PresenceOwner, TrackedListener } from './tracked.ts'
import type { Trackers } from './trackers.ts'

/** Object that can end, such as a worker. The promise `exited` settles when the object ends. */
export interface Living {
  readonly exited: PromiseLike<unknown>
}

const somethingLiving = rule(
  'a running worker, such as the `worker` that `init` gets, or an object with a promise `exited`',
  (value) => isObject(value) && typeof Object(value['exited']).then === 'function',
)

/** Owner of presences. Ends when a `Living` object, such as a worker, ends. Created by `endpoint.ownerOf`. */
export class LivingOwner implements PresenceOwner {
  readonly trackers: Trackers
  readonly #listeners: Set<TrackedListener>
  #hasEnded: boolean

  /** @throws UsageError when `living.exited` is not a promise. */
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
