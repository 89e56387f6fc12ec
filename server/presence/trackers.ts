import type { TSchema } from 'typebox'
import { UsageError } from '../errors.ts'
import type { CheckMeta } from './meta.ts'
import { type Living, LivingOwner } from './owner.ts'
import type { PresenceSettings } from './settings.ts'
import type { OpenStore } from './store.ts'
import { Tracker, type TrackerHost } from './tracker.ts'

/** Trackers of one endpoint: one tracker per presence definition that the endpoint uses. */
export class Trackers {
  readonly #host: TrackerHost
  readonly #compile: (schema: TSchema) => CheckMeta | null
  readonly #open: OpenStore
  readonly #trackers: Map<string, Tracker>
  readonly #owners: WeakMap<Living, LivingOwner>

  constructor(host: TrackerHost, compile: (schema: TSchema) => CheckMeta | null, open: OpenStore) {
    this.#host = host
    this.#compile = compile
    this.#open = open
    this.#trackers = new Map()
    this.#owners = new WeakMap()
  }

  [Symbol.iterator](): Iterator<Tracker> {
    return this.#trackers.values()
  }

  /** Return the tracker of a definition. @throws UsageError when another definition has the same name. */
  of(settings: PresenceSettings): Tracker {
    const known = this.#trackers.get(settings.name)
    if (known?.settings === settings) return known
    if (known !== undefined) {
      const rule = '`name` (default: the topic of the contract) must be unique in an endpoint'
      throw new UsageError(
        'PHX_ERR_DEFINITION',
        `two presence definitions have the name "${settings.name}": ${rule}`,
      )
    }
    const check = this.#compile(settings.meta)
    const tracker = new Tracker(settings, this.#host, { check, open: this.#open })
    this.#trackers.set(settings.name, tracker)
    return tracker
  }

  /**
   * Return the owner of the presences of `living`, for example a worker. The owner ends when `living` ends. The same
   * object always gets the same owner.
   * @throws UsageError when `living.exited` is not a promise.
   */
  ownerOf(living: Living): LivingOwner {
    const known = this.#owners.get(living)
    if (known !== undefined) return known
    const owner = new LivingOwner(this, living)
    this.#owners.set(living, owner)
    return owner
  }
}
