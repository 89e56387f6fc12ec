import { callback, checkDefinition, object, type Rule, record, rule } from '../../protocol/check.ts'
import { checkContract } from '../../protocol/contract.ts'
import {
  type Contract,
  PRESENCE_COUNT,
  PRESENCE_DIFF,
  PRESENCE_STATE,
  parseTopicPattern,
  type TopicPattern,
} from '../../protocol/index.ts'
import { madeBy, markMade } from '../../protocol/made.ts'
import { isObject } from '../runtime/object.ts'
import { type LogLevel, logLevel } from '../telemetry/log-level.ts'
import type { Callbacks } from './channel-socket.ts'
import { type AuthOptions, authRule, FreshToken, handleRefresh } from './refresh.ts'
import { type Check, compile } from './validate.ts'

/** Callback whose types are erased. The compiler has checked the types where the channel was defined. */
export type Handler = (value: unknown, socket: unknown, event?: unknown) => unknown
/** Handler of a client's event, and the check of its payload. */
export type InHandler = { readonly handle: Handler; readonly check: Check | null }

/** Key of `handleIn` for events without a handler of their own. Only for a channel without a contract. */
export const ANY_EVENT = '*'

/** Definition of a channel. It has no effect until a socket routes to it. */
export type ChannelDefinition<From = never> = {
  readonly contract: Contract
  readonly pattern: TopicPattern
  /** Creates a channel's assigns from the socket's assigns. If null, the socket's assigns are copied (shallowly). */
  readonly assigns: ((from: From) => unknown) | null
  /** Returns whether the socket's assigns allow the topic; null allows all topics. */
  readonly authorize: ((from: From, topic: string) => unknown) | null
  /** Event that warns before the connection expires; null for none. */
  readonly warnEvent: string | null
  readonly join: Handler
  readonly checkParams: Check | null
  readonly handleIn: ReadonlyMap<unknown, InHandler>
  /** Handler of events that are not in `handleIn`. If null, these events get the error `unmatched event`. */
  readonly handleAny: InHandler | null
  readonly handleOut: ReadonlyMap<string, Handler>
  readonly handleInfo: ReadonlyMap<string, Handler>
  readonly terminate: Handler | null
  readonly logJoin: LogLevel | false
  readonly logHandleIn: LogLevel | false
  /** Whether the contract lists the outgoing events; false for `defineUntypedChannel`. */
  readonly isTyped: boolean
}

/**
 * Options that every channel definition has, besides `join`, `handleIn` and the other handlers. `From` is the type of
 * the socket's assigns. `A` is the type of the channel's assigns.
 */
export type ChannelBeginning<From, A> = {
  /** Creates the channel's assigns from the socket's assigns. Default: a shallow copy of the socket's assigns. */
  assigns?: (from: From) => A
  /**
   * Returns whether the socket's assigns allow the topic. Called before `join`, and after each refresh of the client's
   * token (AUTH-6).
   */
  authorize?: (from: From, topic: string) => boolean | Promise<boolean>
  /** Events for refreshing the client's token. Default: the token cannot be refreshed. */
  auth?: AuthOptions
  /** Level at which joins are logged; false if they are not logged. Default: `'info'`. */
  logJoin?: LogLevel | false
  /** Level at which messages are logged; false if they are not logged. Default: `'debug'`. */
  logHandleIn?: LogLevel | false
}

/**
 * Define the channel of a contract.
 * @throws UsageError with `PHX_ERR_DEFINITION` if the contract is malformed, the definition has an unknown key, a
 * handler is missing or not a function, or an option is invalid.
 */
export function defineChannel<C extends Contract, From = unknown, A = From>(
  contract: C,
  definition: ChannelBeginning<From, A> & NoInfer<Callbacks<C, A>>,
): ChannelDefinition<From> {
  checkDefinition('defineChannel(contract, definition): the definition', definition, anObject)
  checkContract(contract)
  const { topic, incoming = {}, outgoing = {}, presence } = contract
  const inEvents = Object.keys(incoming)
  const outEvents = [...Object.keys(outgoing), ...(presence === undefined ? [] : PRESENCE_EVENTS)]
  const handlers = object(handlersOf(inEvents), inEvents)
  const legal = `an object with a handler for each of these events: ${inEvents.join(', ')}`
  const handleIn: Rule = (value) =>
    value === undefined ? { path: '', words: `is missing; it must be ${legal}` } : handlers(value)
  const rules = { handleIn, handleOut: object(handlersOf(outEvents)) }
  const checkOf = (event: string): Check | null =>
    compile(incoming[event]?.payload, `channel "${topic}": the payload schema of "${event}"`)
  return compileChannel<From>({ contract, rules, checkOf }, definition)
}

/** Events of presences. The server itself sends them. */
export const PRESENCE_EVENTS: readonly string[] = [PRESENCE_STATE, PRESENCE_DIFF, PRESENCE_COUNT]

const anObject = rule('an object with `join` and the handlers', isObject)

function handlersOf(events: readonly string[]): Readonly<Record<string, Rule>> {
  return Object.fromEntries(events.map((event) => [event, callback]))
}

/**
 * Define a channel without a contract, for a quick start. Payloads have the type `unknown` and are not checked. If an
 * event has no handler in `handleIn`, the handler `'*'` gets the event, like `handle_in(event, payload, socket)` in
 * Elixir.
 * @throws UsageError with `PHX_ERR_DEFINITION` if the topic or the definition is invalid, e.g. if `join` is missing.
 */
export function defineUntypedChannel<From = unknown, A = From>(
  topic: string,
  definition: ChannelBeginning<From, A> & NoInfer<Callbacks<Contract, A>>,
): ChannelDefinition<From> {
  const contract = { topic }
  checkContract(contract)
  const rules = { handleIn: record(callback), handleOut: record(callback) }
  return compileChannel<From>({ contract, rules, checkOf: null }, definition)
}

type Table = Readonly<Record<string, Handler | undefined>>

/** Channel definition after the check with `definitionRule`. */
type AnyDefinition = {
  readonly assigns?: Handler
  readonly authorize?: Handler
  readonly auth?: AuthOptions
  readonly logJoin?: LogLevel | false
  readonly logHandleIn?: LogLevel | false
  readonly join: Handler
  readonly handleIn?: Table
  readonly handleOut?: Table
  readonly handleInfo?: Table
  readonly terminate?: Handler
}

/** Contract, and the rules and checks derived from it. */
type ContractParts = {
  readonly contract: Contract
  readonly rules: { readonly handleIn: Rule; readonly handleOut: Rule }
  /** Returns the payload check of an event, or null. `checkOf` itself is null for `defineUntypedChannel`. */
  readonly checkOf: ((event: string) => Check | null) | null
}

function definitionRule({ contract, rules }: ContractParts): Rule {
  return object<AnyDefinition>(
    {
      assigns: callback,
      authorize: callback,
      auth: authRule(contract),
      logJoin: logLevel,
      logHandleIn: logLevel,
      join: callback,
      ...rules,
      handleInfo: record(callback),
      terminate: callback,
    },
    Object.keys(contract.incoming ?? {}).length > 0 ? ['join', 'handleIn'] : ['join'],
  )
}

function compileChannel<From>(parts: ContractParts, given: object): ChannelDefinition<From> {
  const { contract, checkOf } = parts
  checkDefinition(`channel "${contract.topic}"`, given, definitionRule(parts))
  // The cast is safe: `definitionRule` has checked the value.
  const definition = given as AnyDefinition
  const handleIn = new Map<string, InHandler>()
  for (const [event, handle] of tableOf(definition.handleIn)) {
    handleIn.set(event, { handle, check: checkOf?.(event) ?? null })
  }
  const handleAny = checkOf === null ? (handleIn.get(ANY_EVENT) ?? null) : null
  if (handleAny !== null) handleIn.delete(ANY_EVENT)
  const { auth } = definition
  if (auth !== undefined) {
    handleIn.set(auth.refresh.event, { handle: handleRefresh, check: compile(FreshToken) })
  }
  return markMade(DEFINE_CHANNEL, {
    contract,
    pattern: parseTopicPattern(contract.topic),
    // The cast is safe: the types of `defineChannel` ensure that both functions accept the same assigns.
    assigns: (definition.assigns as ((from: From) => unknown) | undefined) ?? null,
    authorize: (definition.authorize as ((from: From) => unknown) | undefined) ?? null,
    warnEvent: auth?.refresh.warn ?? null,
    join: definition.join,
    checkParams: compile(contract.params, `channel "${contract.topic}": the params schema`),
    handleIn,
    handleAny,
    handleOut: tableOf(definition.handleOut),
    handleInfo: tableOf(definition.handleInfo),
    terminate: definition.terminate ?? null,
    logJoin: definition.logJoin ?? 'info',
    logHandleIn: definition.logHandleIn ?? 'debug',
    isTyped: checkOf !== null,
  })
}

/**
 * Returns the handlers as a Map. Clients choose the event names, and a lookup in a plain object would also find
 * inherited properties such as `constructor`.
 */
function tableOf(handlers: Table | undefined): Map<string, Handler> {
  const given = Object.entries(handlers ?? {})
  return new Map(given.flatMap(([name, handler]) => (handler === undefined ? [] : [[name, handler]])))
}

const DEFINE_CHANNEL = 'defineChannel'

/** Rule that accepts only results of `defineChannel` and `defineUntypedChannel`. */
export const channelDefinition: Rule = madeBy(DEFINE_CHANNEL, (value) =>
  'topic' in value ? 'a contract; call defineChannel(contract, { join, … }) and pass the result' : null,
)
