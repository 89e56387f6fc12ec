import { INVALID_PARAMS, INVALID_PAYLOAD, type Message } from '../../protocol/index.ts'
import type { LogLevel } from '../telemetry/log-level.ts'
import type {
  HandleInOperation,
  JoinOperation,
  RunInContext,
  TelemetrySocket,
} from '../telemetry/telemetry.ts'
import type { Channel } from './channel.ts'
import { ANY_EVENT } from './define-channel.ts'
import { readReply, readStop } from './result.ts'

/**
 * One call of a channel's callback, as passed to telemetry listeners. While a listener is subscribed, each message
 * creates an object of this class. To keep this cheap, most properties are computed only when a listener reads them.
 */
abstract class Operation {
  runInContext: RunInContext | null
  error: unknown
  duration: number
  protected readonly channel: Channel
  #outcome: 'pending' | 'returned' | 'threw'
  #value: unknown

  constructor(channel: Channel) {
    this.runInContext = null
    this.error = null
    this.duration = 0
    this.channel = channel
    this.#outcome = 'pending'
    this.#value = undefined
  }

  abstract get log(): LogLevel | false
  /** Value of this operation's `result` if the channel's callback returns nothing. */
  protected abstract get nothing(): string

  get endpoint(): object {
    return this.channel.connection.host
  }

  get socket(): TelemetrySocket {
    return this.channel.connection
  }

  get topic(): string {
    return this.channel.topic
  }

  get pattern(): string {
    return this.channel.definition.contract.topic
  }

  get result(): string | null {
    if (this.#outcome !== 'returned') return this.#outcome === 'threw' ? 'crash' : null
    return this.#value === undefined ? this.nothing : this.#read(wordOf, 'crash')
  }

  get reason(): unknown {
    return this.#outcome === 'returned' ? this.#read(reasonOf, null) : null
  }

  get errors(): unknown {
    return this.#outcome === 'returned' ? this.#read(errorsOf, null) : null
  }

  /**
   * Apply `read` to the callback's result. If a getter of the result throws, return `otherwise`. The channel reads the
   * result too, and reports the error.
   */
  #read<T>(read: (value: unknown) => T, otherwise: T): T {
    try {
      return read(this.#value)
    } catch {
      return otherwise
    }
  }

  returned(value: unknown): void {
    this.#outcome = 'returned'
    this.#value = value
  }

  threw(error: unknown): void {
    this.#outcome = 'threw'
    this.error = error
  }
}

/** One call of a channel's `join` callback. */
export class Join extends Operation implements JoinOperation {
  readonly params: unknown

  constructor(channel: Channel, params: unknown) {
    super(channel)
    this.params = params
  }

  get log(): LogLevel | false {
    return this.channel.definition.logJoin
  }

  protected get nothing(): string {
    return 'crash'
  }
}

/** One call of a `handleIn` handler. */
export class HandleIn extends Operation implements HandleInOperation {
  readonly #message: Message

  constructor(channel: Channel, message: Message) {
    super(channel)
    this.#message = message
  }

  get log(): LogLevel | false {
    return this.channel.definition.logHandleIn
  }

  protected get nothing(): string {
    return 'none'
  }

  /**
   * Name of the event if the event has a handler, `*` if the handler `'*'` gets the event, otherwise null. Metrics use
   * this name, so clients must not be able to create new names.
   */
  get event(): string | null {
    const { event } = this.#message
    const { handleIn, handleAny } = this.channel.definition
    if (typeof event !== 'string') return null
    if (handleIn.has(event)) return event
    return handleAny === null ? null : ANY_EVENT
  }

  get givenEvent(): unknown {
    return this.#message.event
  }

  get ref(): unknown {
    return this.#message.ref
  }

  get payload(): unknown {
    return this.#message.payload
  }

  get size(): number {
    return this.#message.size
  }
}

function wordOf(result: unknown): string {
  return readReply(result)?.status ?? (readStop(result) === null ? 'crash' : 'stop')
}

function reasonOf(result: unknown): unknown {
  const answer = readReply(result)
  if (answer === null || answer.status === 'ok') return null
  const { response } = answer
  return typeof response === 'object' && response !== null && 'reason' in response ? response.reason : null
}

/** Validation errors in a reply that refuses params or a payload; null for any other result. */
function errorsOf(result: unknown): unknown {
  const reason = reasonOf(result)
  if (reason !== INVALID_PARAMS && reason !== INVALID_PAYLOAD) return null
  return Object(readReply(result)?.response).errors ?? null
}
