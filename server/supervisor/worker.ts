import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkOption } from '../../protocol/check.ts'
import { checkDelay } from '../delay.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { type WorkerDefinition, workerDefinition } from './define-worker.ts'
import type { AnnouncedExit, Exit, Supervised } from './supervised.ts'

/** Told what goes wrong in a worker. */
export interface WorkerObserver {
  /** A callback threw, rejected, or stopped the worker for an abnormal reason. */
  onCrash(error: CallbackError): void
  /** A message has no handler; it is dropped. */
  onUnhandled(name: string): void
}

type Info = { readonly name: string; readonly value: unknown }

/** One running instance of a worker, which its callbacks are given: it handles one message at a time. */
export class Worker implements Supervised {
  /** Resolves with the reason when this instance has ended. */
  readonly exited: Promise<Exit>
  readonly #definition: WorkerDefinition
  readonly #context: unknown
  readonly #observer: WorkerObserver
  readonly #timers: Set<NodeJS.Timeout>
  #mailbox: Info[]
  #isOpen: boolean
  #hasExited: boolean
  #resolveExited!: (exit: Exit) => void
  #wake: (() => void) | null

  constructor(definition: WorkerDefinition, context: unknown, observer: WorkerObserver) {
    checkOption('the definition of a Worker', definition, workerDefinition)
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve
    })
    this.#definition = definition
    this.#context = context
    this.#observer = observer
    this.#timers = new Set()
    this.#mailbox = []
    this.#isOpen = true
    this.#hasExited = false
    this.#wake = null
  }

  /** Send this worker a message: `handleInfo[name](value, …)` runs after those before it. Dropped once it ends. */
  send(name: string, value?: unknown): void {
    if (!this.#isOpen) return
    this.#mailbox.push({ name, value })
    this.#wake?.()
  }

  /** The same after `ms` milliseconds, unless the worker ends before or the returned function is called. */
  sendAfter(ms: number, name: string, value?: unknown): () => void {
    checkDelay('sendAfter', ms)
    if (!this.#isOpen) return () => {}
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.send(name, value)
    }, ms)
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
      clearTimeout(timer)
    }
  }

  /** For its supervisor: run `init`, then begin with the messages. */
  start(): Promise<Exit | null> {
    return Promise.race([this.#init(), this.exited])
  }

  /** For its supervisor: end when the messages sent so far are handled (WORKER-4). */
  stop(): void {
    this.#close()
    this.#wake?.()
  }

  /** For its supervisor: end now. A callback still running is abandoned; what it sends is dropped. */
  kill(): void {
    this.#end('killed')
    this.#wake?.()
  }

  async #init(): Promise<Exit | null> {
    try {
      const state = await this.#definition.init(this.#context, this)
      void this.#live(state)
      return null
    } catch (cause) {
      return this.#end(this.#crash('init', cause))
    }
  }

  async #live(state: unknown): Promise<void> {
    const reason = await this.#receive(state)
    this.#close()
    if (!this.#hasExited) this.#end(await this.#terminate(reason, state))
  }

  /** Handle messages until one of them, or a stop, ends the worker; tells the reason. */
  async #receive(state: unknown): Promise<Exit> {
    while (this.#isOpen || this.#mailbox.length > 0) {
      if (this.#mailbox.length === 0) await this.#message()
      const messages = this.#mailbox
      this.#mailbox = []
      for (const message of messages) {
        const reason = await this.#handle(message, state)
        if (reason !== null || this.#hasExited) return reason ?? 'killed'
      }
      // A worker that keeps sending to itself must not starve the process.
      await nextTurn()
    }
    return 'shutdown'
  }

  async #message(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = null
  }

  /** Null, or the reason why the worker is to end. */
  async #handle({ name, value }: Info, state: unknown): Promise<Exit | null> {
    const handler = this.#definition.handleInfo.get(name)
    if (handler === undefined) {
      this.#observer.onUnhandled(name)
      return null
    }
    const callback = `handleInfo.${name}`
    try {
      const result = await handler(value, state, this)
      if (result === undefined) return null
      const reason = readStop(callback, result)
      return readAnnounced(reason) ?? this.#crash(callback, reason)
    } catch (cause) {
      return this.#crash(callback, cause)
    }
  }

  /** As in OTP, a worker that crashes while it cleans up has ended by that crash. */
  async #terminate(reason: Exit, state: unknown): Promise<Exit> {
    try {
      await this.#definition.terminate?.(reason, state)
      return reason
    } catch (cause) {
      return this.#crash('terminate', cause)
    }
  }

  #crash(callback: string, cause: unknown): CallbackError {
    const error = new CallbackError(this.#definition.name, callback, cause)
    this.#observer.onCrash(error)
    return error
  }

  /** No message comes in any more. */
  #close(): void {
    this.#isOpen = false
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #end(exit: Exit): Exit {
    this.#close()
    this.#mailbox = []
    this.#hasExited = true
    this.#resolveExited(exit)
    return exit
  }
}

function readStop(callback: string, result: unknown): unknown {
  if (typeof result === 'object' && result !== null && 'stop' in result) return result.stop
  const given = typeof result === 'object' ? 'an object without stop' : `a ${typeof result}`
  throw new UsageError(
    'PHX_ERR_RESULT',
    `${callback} returned ${given}; it returns nothing or { stop: reason }`,
  )
}

/** Null for a crash. A copy, because the worker's end must not depend on how the application's object behaves. */
function readAnnounced(reason: unknown): 'normal' | 'shutdown' | AnnouncedExit | null {
  if (reason === 'normal' || reason === 'shutdown') return reason
  const isObject = typeof reason === 'object' && reason !== null
  return isObject && 'shutdown' in reason ? { shutdown: reason.shutdown } : null
}
