import { callback, checkDefinition, object, type Rule, record } from '../../protocol/check.ts'
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
import { type LogLevel, logLevel } from '../telemetry/log-level.ts'
import type { Callbacks } from './channel-socket.ts'
import { type AuthOptions, authRule, FreshToken, handleRefresh } from './refresh.ts'
import { type Check, compile } from './validate.ts'

/** A callback as the runtime calls it; its types were checked where the channel was defined. */
export type Handler = (value: unknown, socket: unknown, event?: unknown) => unknown
/** A handler of a client's event, with the check of its payload. */
export type InHandler = { readonly handle: Handler; readonly check: Check | null }

/** The key of `handleIn` for every event without a key of its own, in a channel without a contract. */
export const ANY_EVENT = '*'

/** A channel as data: nothing runs and nothing is registered until a socket routes to it. */
export type ChannelDefinition<From = never> = {
  readonly contract: Contract
  readonly pattern: TopicPattern
  /** Makes a channel's assigns from the socket's; null = a shallow copy. */
  readonly assigns: ((from: From) => unknown) | null
  /** Whether the socket's assigns allow the topic; null = they do. */
  readonly authorize: ((from: From, topic: string) => unknown) | null
  /** The event that says that the connection's time is soon over; null = none. */
  readonly warnEvent: string | null
  readonly join: Handler
  readonly checkParams: Check | null
  readonly handleIn: ReadonlyMap<unknown, InHandler>
  /** The handler of every other event; null = such events are unmatched. */
  readonly handleAny: InHandler | null
  readonly handleOut: ReadonlyMap<string, Handler>
  readonly handleInfo: ReadonlyMap<string, Handler>
  readonly terminate: Handler | null
  readonly logJoin: LogLevel | false
  readonly logHandleIn: LogLevel | false
  /** Whether its contract lists what goes out; false for `defineUntypedChannel`. */
  readonly isTyped: boolean
}

/** What comes before a channel's own callbacks: they know the socket's assigns, not the channel's. */
type Beginning<From, A> = {
  /** Makes the channel's assigns; default: a shallow copy of the socket's. */
  assigns?: (from: From) => A
  /** May these assigns be on this topic? Asked before `join`, and again when they change (AUTH-6). */
  authorize?: (from: From, topic: string) => boolean | Promise<boolean>
  /** How clients keep their connection beyond the end of their token; default: they do not. */
  auth?: AuthOptions
  /** How loud the log tells of joins; false = not at all; default `'info'`. */
  logJoin?: LogLevel | false
  /** How loud the log tells of messages; false = not at all; default `'debug'`. */
  logHandleIn?: LogLevel | false
}

/**
 * Define what the server does on the topics of a contract.
 * @throws UsageError with `PHX_ERR_DEFINITION` for a malformed contract, an unknown key, a handler that is missing,
 * unknown or no function, and an option with an illegal value.
 */
export function defineChannel<C extends Contract, From = unknown, A = From>(
  contract: C,
  definition: Beginning<From, A> & NoInfer<Callbacks<C, A>>,
): ChannelDefinition<From> {
  checkContract(contract)
  const { topic, incoming = {}, outgoing = {}, presence } = contract
  const inEvents = Object.keys(incoming)
  const outEvents = [...Object.keys(outgoing), ...(presence === undefined ? [] : PRESENCE_EVENTS)]
  const handleIn = object(handlersOf(inEvents), inEvents)
  const rules = { handleIn, handleOut: object(handlersOf(outEvents)) }
  const checkOf = (event: string): Check | null =>
    compile(incoming[event]?.payload, `channel "${topic}": the payload of "${event}"`)
  return compileChannel<From>({ contract, rules, checkOf }, definition)
}

const PRESENCE_EVENTS = [PRESENCE_STATE, PRESENCE_DIFF, PRESENCE_COUNT]

function handlersOf(events: readonly string[]): Readonly<Record<string, Rule>> {
  return Object.fromEntries(events.map((event) => [event, callback]))
}

/**
 * Define a channel without a contract, for a quick start: its payloads are `unknown` and unchecked. The key `'*'` of
 * `handleIn` takes every event that has no key of its own, as Elixir's `handle_in(event, payload, socket)`.
 * @throws UsageError when a handler is missing, or no function.
 */
export function defineUntypedChannel<From = unknown, A = From>(
  topic: string,
  definition: Beginning<From, A> & NoInfer<Callbacks<Contract, A>>,
): ChannelDefinition<From> {
  const contract = { topic }
  checkContract(contract)
  const rules = { handleIn: record(callback), handleOut: record(callback) }
  return compileChannel<From>({ contract, rules, checkOf: null }, definition)
}

type Table = Readonly<Record<string, Handler | undefined>>

/** A definition as its rules have found it. */
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

/** A contract, and what follows from it. */
type ContractParts = {
  readonly contract: Contract
  readonly rules: { readonly handleIn: Rule; readonly handleOut: Rule }
  /** Null without a contract: nothing is checked, and any event may come. */
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
  // The rules have checked what plain JavaScript may give.
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
    // The factory was typed against the socket's assigns by the signatures above.
    assigns: (definition.assigns as ((from: From) => unknown) | undefined) ?? null,
    authorize: (definition.authorize as ((from: From) => unknown) | undefined) ?? null,
    warnEvent: auth?.refresh.warn ?? null,
    join: definition.join,
    checkParams: compile(contract.params, `channel "${contract.topic}": the params`),
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

/** Names come from the network: the table is a Map, in which `constructor` is just a word. */
function tableOf(handlers: Table | undefined): Map<string, Handler> {
  const given = Object.entries(handlers ?? {})
  return new Map(given.flatMap(([name, handler]) => (handler === undefined ? [] : [[name, handler]])))
}

const DEFINE_CHANNEL = 'defineChannel'

/** What `defineChannel` or `defineUntypedChannel` returned. */
export const channelDefinition: Rule = madeBy(DEFINE_CHANNEL, (value) =>
  'topic' in value ? 'a contract; pass defineChannel(contract, { join, … })' : null,
)
