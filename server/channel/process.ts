import { isPromise } from '../runtime/promise.ts'
import { Mailbox } from './mailbox.ts'

/** So many waiting items run in one turn of the event loop before others get theirs. */
const ITEMS_PER_TURN = 256

/**
 * Runs one callback at a time, as an Erlang process does. A callback that returns no promise runs at
 * once and costs none; while one is pending, later items wait in a mailbox that is made for them.
 */
export abstract class Process<Item> {
  #isBusy: boolean
  /** Settles when the pending callback is done with. */
  #pending: PromiseLike<unknown> | null
  /** While it is not null, items queue: a callback is pending, or the process is held. */
  #mailbox: Mailbox<Item> | null

  constructor() {
    this.#isBusy = false
    this.#pending = null
    this.#mailbox = null
  }

  /** Call the item's callback; a promise comes back if it is pending. */
  protected abstract call(item: Item): unknown
  /** The callback has returned. What this throws counts as the callback's failure. */
  protected abstract returned(item: Item, result: unknown): void
  /** The callback has thrown or rejected. Must not throw. */
  protected abstract failed(item: Item, error: unknown): void
  /** The item waits in the mailbox. */
  protected abstract queued(item: Item): void
  /** The item waits no longer. */
  protected abstract dequeued(item: Item): void
  /** The item's callback has returned a promise. Must not throw. */
  protected abstract suspended(item: Item): void
  /** The promise has settled. Must not throw. */
  protected abstract resumed(): void

  /** True while no callback runs or is pending, and nothing waits. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#mailbox === null
  }

  /** True while a callback runs or its promise is pending. */
  protected get isBusy(): boolean {
    return this.#isBusy
  }

  /** Settles when the pending callback is done with; null while none is pending. Never rejects. */
  protected get pending(): PromiseLike<unknown> | null {
    return this.#pending
  }

  /** Run the item now, or when its turn comes. */
  protected accept(item: Item): void {
    if (this.#isBusy || this.#mailbox !== null) {
      this.#mailbox ??= new Mailbox()
      this.#mailbox.push(item)
      this.queued(item)
      return
    }
    this.#run(item)
    this.drain()
  }

  /** Let items wait until `drain`. */
  protected hold(): void {
    this.#mailbox ??= new Mailbox()
  }

  /** Run what waits. */
  protected drain(): void {
    for (let ran = 0; this.#mailbox !== null && !this.#isBusy; ran++) {
      if (ran === ITEMS_PER_TURN) {
        setImmediate(() => this.drain())
        return
      }
      const item = this.#mailbox.shift()
      if (item === undefined) this.#mailbox = null
      else {
        this.dequeued(item)
        this.#run(item)
      }
    }
  }

  /** Forget what waits. */
  protected discard(): void {
    const mailbox = this.#mailbox
    this.#mailbox = null
    for (let item = mailbox?.shift(); item !== undefined; item = mailbox?.shift()) this.dequeued(item)
  }

  #run(item: Item): void {
    this.#isBusy = true
    let result: unknown
    try {
      result = this.call(item)
      if (isPromise(result)) {
        this.suspended(item)
        this.#pending = this.#wait(item, result)
        return
      }
    } catch (error) {
      this.#fail(item, error)
      return
    }
    this.#finish(item, result)
  }

  async #wait(item: Item, promise: PromiseLike<unknown>): Promise<void> {
    let result: unknown
    try {
      result = await promise
    } catch (error) {
      this.resumed()
      this.#fail(item, error)
      return this.drain()
    }
    this.resumed()
    this.#finish(item, result)
    this.drain()
  }

  #finish(item: Item, result: unknown): void {
    this.#isBusy = false
    this.#pending = null
    try {
      this.returned(item, result)
    } catch (error) {
      this.failed(item, error)
    }
  }

  #fail(item: Item, error: unknown): void {
    this.#isBusy = false
    this.#pending = null
    this.failed(item, error)
  }
}
