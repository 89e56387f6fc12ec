import type { TSchema } from 'typebox'
import {
  type Broadcast,
  type Contract,
  DISCONNECT,
  type IncomingSpec,
  Message,
  matchTopic,
} from '../../protocol/index.ts'
import { bytesOf, findFault } from '../../protocol/payload.ts'
import type { ThrottledLog } from '../telemetry/throttled-log.ts'
import type { Channel } from './channel.ts'
import { type ChannelDefinition, PRESENCE_EVENTS } from './define-channel.ts'
import type { Item } from './item.ts'
import type { Answer } from './result.ts'
import { type Check, compile, type ValidationError } from './validate.ts'

// Problem: TypeScript checks sent payloads, but not values from plain JavaScript, casts or a database. Approach: in
// development, each reply, push and broadcast is converted to the form that clients receive, and compared with its
// contract. A payload that does not match is logged as a warning, and sent anyway. A declared reply that is missing is
// logged, too.

type Warn = (details: object, message: string) => void
/** Topic and event of a sent value, and the call that sent it. */
type Sent = { readonly topic: string; readonly event: unknown; readonly sentBy: string }

/** Events that the server itself sends. */
const OWN_EVENTS: readonly string[] = [...PRESENCE_EVENTS, DISCONNECT]
const NOT_DECLARED: readonly ValidationError[] = [{ path: '', message: 'the contract declares no reply' }]

/** Checks sent payloads against the contracts of their channels, and logs mismatches. */
export class OutgoingCheck {
  readonly #warn: Warn
  readonly #throttledLog: ThrottledLog
  /** Definitions of channels. Broadcasts are compared with the contracts of these definitions. */
  readonly #definitions: Set<ChannelDefinition>
  readonly #checks: WeakMap<TSchema, Check>
  /** Messages for which `ref()` was called, so that a reply can follow. */
  readonly #referenced: WeakSet<Message>
  /** Events for which a missing reply was already logged as a warning. */
  readonly #unanswered: WeakSet<IncomingSpec>

  constructor(warn: Warn, throttledLog: ThrottledLog) {
    this.#warn = warn
    this.#throttledLog = throttledLog
    this.#definitions = new Set()
    this.#checks = new WeakMap()
    this.#referenced = new WeakSet()
    this.#unanswered = new WeakSet()
  }

  /** Also check broadcasts against the contract of this definition. */
  add(definition: ChannelDefinition): void {
    this.#definitions.add(definition)
  }

  /** Check a push. Never throws. */
  push({ definition, topic }: Channel, event: string, payload: unknown): void {
    if (!definition.isTyped || event === definition.warnEvent || OWN_EVENTS.includes(event)) return
    const sent = { topic, event, sentBy: 'push' }
    const schema = schemaOf(definition.contract.outgoing, event)
    if (schema === undefined) this.#undeclared(definition.contract, sent)
    else this.#compare(definition.contract, sent, this.#errorsOf(schema, payload))
  }

  /** Check that a broadcast matches at least one contract of its topic. Never throws. */
  broadcast({ topic, event, payload }: Broadcast): void {
    if (OWN_EVENTS.includes(event)) return
    const definitions = [...this.#definitions].filter(({ pattern }) => matchTopic(pattern, topic))
    const [first] = definitions
    if (first === undefined || definitions.some(({ isTyped }) => !isTyped)) return
    const sent = { topic, event, sentBy: 'broadcast' }
    const schemas = definitions.flatMap(({ contract }) => schemaOf(contract.outgoing, event) ?? [])
    if (schemas.length === 0) return this.#undeclared(first.contract, sent)
    const outcomes = schemas.map((schema) => this.#errorsOf(schema, payload))
    if (!outcomes.includes(null)) this.#compare(first.contract, sent, outcomes[0] ?? null)
  }

  /** Check a reply to a message. Never throws. */
  reply({ definition, topic }: Channel, event: unknown, { status, response }: Answer): void {
    // Contracts have schemas only for replies with the status `ok`.
    if (status !== 'ok' || !definition.isTyped) return
    const { contract } = definition
    const spec = specOf(contract, event)
    if (spec === undefined) return
    this.#compare(contract, { topic, event, sentBy: 'reply' }, this.#errorsOf(spec.reply, response))
  }

  /** Record that `ref()` was called for a message. */
  referenced(message: Message): void {
    this.#referenced.add(message)
  }

  /**
   * Warn, once for each event, if a handler returned nothing although the contract declares a reply. If the handler
   * called `ref()`, do not warn, because the application may reply later.
   */
  noReply({ definition, topic }: Channel, item: Item): void {
    if (!(item instanceof Message) || this.#referenced.has(item)) return
    const { event } = item
    const spec = specOf(definition.contract, event)
    if (spec?.reply === undefined || this.#unanswered.has(spec)) return
    this.#unanswered.add(spec)
    const { topic: channel } = definition.contract
    this.#warn({ channel, topic, event }, 'handler returned no reply, but its contract declares one')
  }

  /** Check the reply of an accepted join. Never throws. */
  joinReply({ definition, topic }: Channel, response: unknown): void {
    const { contract, isTyped } = definition
    if (!isTyped) return
    const sent = { topic, event: 'phx_join', sentBy: 'join' }
    this.#compare(contract, sent, this.#errorsOf(contract.reply, response))
  }

  /**
   * Validation errors of a value; null if it is valid. Without a schema, only undefined and an empty object are valid.
   */
  #errorsOf(schema: TSchema | undefined, value: unknown): readonly ValidationError[] | null {
    try {
      const bytes = bytesOf(value)
      const fault = bytes === null ? findFault(value) : null
      if (fault !== null) return [{ path: fault.path, message: `${fault.what} cannot be sent` }]
      // Check the value as clients get it: without undefined, with dates as text.
      const received: unknown = bytes ?? (value === undefined ? value : JSON.parse(JSON.stringify(value)))
      return schema === undefined ? errorsOfNothing(received) : this.#checkOf(schema)(received)
    } catch {
      return [{ path: '', message: 'an error was thrown while the value was validated against its schema' }]
    }
  }

  #checkOf(schema: TSchema): Check {
    const known = this.#checks.get(schema)
    if (known !== undefined) return known
    const check = compile(schema) ?? (() => null)
    this.#checks.set(schema, check)
    return check
  }

  #undeclared({ topic: pattern }: Contract, sent: Sent): void {
    this.#throttledLog.write(`undeclared ${pattern} ${sent.sentBy}`, (count) =>
      this.#warn({ ...sent, count }, 'outgoing event is not in the contract of its topic'),
    )
  }

  #compare({ topic: pattern }: Contract, sent: Sent, errors: readonly ValidationError[] | null): void {
    if (errors === null) return
    this.#throttledLog.write(`outgoing ${pattern} ${sent.sentBy} ${String(sent.event)}`, (count) =>
      this.#warn(
        { ...sent, path: errors[0]?.path, errors, count },
        'outgoing payload does not match the contract of its topic',
      ),
    )
  }
}

/** Schema of an event; undefined if the event is not declared. Inherited properties are not events. */
function schemaOf(outgoing: Contract['outgoing'], event: string): TSchema | undefined {
  return outgoing !== undefined && Object.hasOwn(outgoing, event) ? outgoing[event] : undefined
}

/** Schemas of a client's event; undefined if the contract does not have the event. */
function specOf({ incoming = {} }: Contract, event: unknown): IncomingSpec | undefined {
  return typeof event === 'string' && Object.hasOwn(incoming, event) ? incoming[event] : undefined
}

function errorsOfNothing(value: unknown): readonly ValidationError[] | null {
  const isEmpty = value === undefined || (Object(value) === value && Object.keys(Object(value)).length === 0)
  return isEmpty ? null : NOT_DECLARED
}
