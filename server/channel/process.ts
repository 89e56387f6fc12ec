import { isPromise } from '../runtime/promise.ts'
import { Mailbox } from './mailbox.ts'

/** Maximum number of waiting items that run in one event-loop turn. */
const ITEMS_PER_TURN = 256

/**
 * Runs one callback at a time, as an Erlang process does. Synchronous callbacks run immediately, without a promise.
 * While an asynchronous callback is pending, later items wait in a mailbox, which is created on demand.
 */
export abstract class Process<Item> {
  #isBusy: boolean
  /** Settles when the pending callback is done; null while no callback is pending. */
  #pending: PromiseLike<unknown> | null
  /** Waiting items. While this is not null, new items are queued. */
  #mailbox: Mailbox<Item> | null

  constructor() {
    this.#isBusy = false
    this.#pending = null
    this.#mailbox = null
  }

  /** Call the item's callback. Returns a promise if the callback is asynchronous. */
  protected abstract call(item: Item): unknown
  /**
   * Called when the item's callback has returned a value, or its promise has resolved with the value. If `returned`
   * throws, `failed` is called with the error.
   */
  protected abstract returned(item: Item, result: unknown): void
  /** Called when the item's callback has thrown, or its promise was rejected. Must not throw. */
  protected abstract failed(item: Item, error: unknown): void
  /** Called when an item is queued in the mailbox. */
  protected abstract queued(item: Item): void
  /** Called when an item has left the mailbox. */
  protected abstract dequeued(item: Item): void
  /** Called when the item's callback has returned a promise. Must not throw. */
  protected abstract suspended(item: Item): void
  /** Called when the promise of the pending callback has settled. Must not throw. */
  protected abstract resumed(): void

  /** Whether `accept` would run a new item immediately. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#mailbox === null
  }

  /** Whether a callback runs or its promise is pending. */
  protected get isBusy(): boolean {
    return this.#isBusy
  }

  /** Promise that settles when the pending callback is done, and never rejects; null while no callback is pending. */
  protected get pending(): PromiseLike<unknown> | null {
    return this.#pending
  }

  /** Run an item now, or queue it. */
  accept(item: Item): void {
    if (this.#isBusy || this.#mailbox !== null) {
      this.#mailbox ??= new Mailbox()
      this.#mailbox.push(item)
      this.queued(item)
      return
    }
    this.#run(item)
    this.drain()
  }

  /** Queue all new items until `drain` is called. */
  hold(): void {
    this.#mailbox ??= new Mailbox()
  }

  /** Run waiting items. */
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

  /** Remove all waiting items. */
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
