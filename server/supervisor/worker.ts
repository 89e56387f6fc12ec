import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkOption, string } from '../../protocol/check.ts'
import { shown } from '../../protocol/shown.ts'
import { CallbackError, CallError, UsageError } from '../errors.ts'
import { checkDelay } from '../runtime/delay.ts'
import { Call } from './call.ts'
import { type WorkerDefinition, workerDefinition } from './define-worker.ts'
import type { AnnouncedExit, Exit, Supervised } from './supervised.ts'

/** Observer of the failures of a worker. */
export interface WorkerObserver {
  /** A callback threw, rejected, or stopped the worker for an abnormal reason. */
  onCrash(error: CallbackError): void
  /** A message was dropped because it has no handler. */
  onUnhandled(name: string): void
}

/** Message to a worker. If `call` is set, the message needs an answer. */
type WorkerMessage = { readonly name: string; readonly value: unknown; readonly call: Call | null }

/** Running instance of a worker. Handles one message at a time. Callbacks get the instance as an argument. */
export class Worker implements Supervised {
  /** Resolves with the reason when this instance has ended. */
  readonly exited: Promise<Exit>
  readonly #definition: WorkerDefinition<unknown, unknown>
  readonly #context: unknown
  readonly #observer: WorkerObserver
  readonly #timers: Set<NodeJS.Timeout>
  /** Calls that have no answer yet. */
  readonly #calls: Set<Call>
  #mailbox: WorkerMessage[]
  #isOpen: boolean
  #hasExited: boolean
  #resolveExited!: (exit: Exit) => void
  #wake: (() => void) | null

  constructor(definition: WorkerDefinition<unknown, unknown>, context: unknown, observer: WorkerObserver) {
    checkOption('the definition of a Worker', definition, workerDefinition)
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve
    })
    this.#definition = definition
    this.#context = context
    this.#observer = observer
    this.#timers = new Set()
    this.#calls = new Set()
    this.#mailbox = []
    this.#isOpen = true
    this.#hasExited = false
    this.#wake = null
  }

  /** True while messages are accepted: until the worker ends or is asked to end. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * Send this worker a message: `handleInfo[name](value, …)` runs after all earlier messages. Returns false, and sends
   * nothing, if the worker is ending or has ended. @throws UsageError when the name is not a string.
   */
  send(name: string, value?: unknown): boolean {
    checkOption('the name of a message', name, string)
    return this.#take({ name, value, call: null })
  }

  /**
   * Call `handleCall[name](value, …)` after all earlier messages, and resolve with the handler's answer. Used by the
   * child's handle.
   */
  call(
    name: string,
    value: unknown,
    { owner, timeout }: { owner: string; timeout: number },
  ): Promise<unknown> {
    if (!this.#isOpen) return Promise.reject(new CallError(owner, name, { reason: 'not_running' }))
    const call = new Call(owner, name, timeout)
    const forget = (): void => void this.#calls.delete(call)
    this.#calls.add(call)
    call.answer.then(forget, forget)
    this.#take({ name, value, call })
    return call.answer
  }

  /** Send a message after `ms` milliseconds, unless the worker ends first or the returned function is called. */
  sendAfter(ms: number, name: string, value?: unknown): () => void {
    checkDelay('sendAfter', ms)
    checkOption('the name of a message', name, string)
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

  /** Run `init`, then handle messages. Used by the supervisor. */
  start(): Promise<Exit | null> {
    return Promise.race([this.#init(), this.exited])
  }

  /** End the worker when all messages sent so far are handled (WORKER-4). Used by the supervisor. */
  stop(): void {
    this.#close()
    this.#wake?.()
  }

  /**
   * End the worker now. A running callback is abandoned, and messages that the callback sends to this worker afterwards
   * are dropped. Used by the supervisor.
   */
  kill(): void {
    this.#end('killed')
    this.#wake?.()
  }

  #take(message: WorkerMessage): boolean {
    if (!this.#isOpen) return false
    this.#mailbox.push(message)
    this.#wake?.()
    return true
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

  /** Handle messages until a message, `stop()` or `kill()` ends the worker. Resolves with the reason of the end. */
  async #receive(state: unknown): Promise<Exit> {
    while (this.#isOpen || this.#mailbox.length > 0) {
      if (this.#mailbox.length === 0) await this.#message()
      const messages = this.#mailbox
      this.#mailbox = []
      for (const message of messages) {
        const reason = await this.#handle(message, state)
        if (reason !== null || this.#hasExited) return reason ?? 'killed'
      }
      // Wait one event-loop turn, so that a worker which keeps sending to itself does not starve the process.
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

  /** Handle one message. Resolves with the reason if the message ends the worker, otherwise with null. */
  async #handle({ name, value, call }: WorkerMessage, state: unknown): Promise<Exit | null> {
    const { handleInfo, handleCall } = this.#definition
    const handler = (call === null ? handleInfo : handleCall).get(name)
    if (handler === undefined) return this.#unhandled(name, call)
    const callback = call === null ? `handleInfo.${name}` : `handleCall.${name}`
    try {
      const result = await handler(value, state, this)
      if (call === null ? result === undefined : this.#reply(call, callback, result)) return null
      const reason = readStopReason(callback, result)
      return readAnnounced(reason) ?? this.#crash(callback, reason)
    } catch (cause) {
      return this.#crash(callback, cause)
    }
  }

  #unhandled(name: string, call: Call | null): null {
    if (call === null) this.#observer.onUnhandled(name)
    else {
      const known = [...this.#definition.handleCall.keys()].join(', ') || 'none'
      const message = `worker "${this.#definition.name}": unknown call "${name}". Handlers in handleCall: ${known}`
      call.fail(new UsageError('PHX_ERR_DEFINITION', message))
    }
    return null
  }

  /**
   * Answer a call with the `reply` in the handler's result, if any. Returns false if the result has a `stop` reason.
   * When the worker ends, all unanswered calls are rejected, except for a call whose handler returned both `stop` and a
   * promise as `reply`.
   */
  #reply(call: Call, callback: string, result: unknown): boolean {
    if (!isResult(result)) {
      const legal = '{ reply: value } or { stop: reason, reply? }'
      const given = Object.hasOwn(Object(result), 'stop') ? '{ stop: undefined }' : shown(result)
      throw new UsageError('PHX_ERR_RESULT', `${callback} must return ${legal} (got ${given})`)
    }
    if ('reply' in result) call.reply(result.reply)
    if (!('stop' in result) || result.stop === undefined) return true
    if ('reply' in result) this.#calls.delete(call)
    return false
  }

  /** Run `terminate` and return the reason. As in OTP, a crash in `terminate` replaces the reason. */
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

  /** Accept no further messages, and clear all timers. */
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
    for (const call of this.#calls) call.end(exit)
    this.#calls.clear()
    return exit
  }
}

function isResult(result: unknown): result is { readonly reply?: unknown; readonly stop?: unknown } {
  if (typeof result !== 'object' || result === null) return false
  return 'reply' in result || ('stop' in result && result.stop !== undefined)
}

function readStopReason(callback: string, result: unknown): unknown {
  if (typeof result === 'object' && result !== null && 'stop' in result) return result.stop
  throw new UsageError(
    'PHX_ERR_RESULT',
    `${callback} must return undefined or { stop: reason } (got ${shown(result)})`,
  )
}

/**
 * Return the stop reason `'normal'`, `'shutdown'` or `{ shutdown: … }`; null for any other reason, which counts as a
 * crash. An object is copied, so that later changes by the application have no effect.
 */
function readAnnounced(reason: unknown): 'normal' | 'shutdown' | AnnouncedExit | null {
  if (reason === 'normal' || reason === 'shutdown') return reason
  const isObject = typeof reason === 'object' && reason !== null
  return isObject && 'shutdown' in reason ? { shutdown: reason.shutdown } : null
}
