import {
  type Contract,
  type IncomingSpec,
  parseTopicPattern,
  type TopicPattern,
} from '../../protocol/index.ts'
import { UsageError } from '../errors.ts'
import { checkLogLevel, type LogLevel } from '../log-level.ts'
import type { Callbacks } from './channel-socket.ts'
import { type AuthOptions, checkAuth, FreshToken, handleRefresh } from './refresh.ts'
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
 * @throws UsageError when a handler is missing, unknown, or no function.
 */
export function defineChannel<C extends Contract, From = unknown, A = From>(
  contract: C,
  definition: Beginning<From, A> & NoInfer<Callbacks<C, A>>,
): ChannelDefinition<From> {
  const incoming = new Map(Object.entries<IncomingSpec>(contract.incoming ?? {}))
  const handlers = functions(contract.topic, 'handleIn', definition.handleIn)
  for (const event of incoming.keys()) {
    if (!handlers.has(event)) throw faulty(contract.topic, `handleIn has no handler for "${event}"`)
  }
  for (const event of handlers.keys()) {
    if (!incoming.has(event)) throw faulty(contract.topic, `no event "${event}" comes in`)
  }
  return compileChannel<From>(contract, definition, (event) => compile(incoming.get(event)?.payload))
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
  return compileChannel<From>({ topic }, definition, null)
}

type AnyDefinition = {
  readonly assigns?: unknown
  readonly authorize?: unknown
  readonly auth?: AuthOptions
  readonly logJoin?: LogLevel | false
  readonly logHandleIn?: LogLevel | false
  readonly join: unknown
  readonly handleIn?: object
  readonly handleOut?: object
  readonly handleInfo?: object
  readonly terminate?: unknown
}

function compileChannel<From>(
  contract: Contract,
  definition: AnyDefinition,
  /** Null without a contract: nothing is checked, and any event may come. */
  checkOf: ((event: string) => Check | null) | null,
): ChannelDefinition<From> {
  const owner = contract.topic
  const handleIn = new Map<string, InHandler>()
  for (const [event, handle] of functions(owner, 'handleIn', definition.handleIn)) {
    handleIn.set(event, { handle, check: checkOf?.(event) ?? null })
  }
  const handleAny = checkOf === null ? (handleIn.get(ANY_EVENT) ?? null) : null
  if (handleAny !== null) handleIn.delete(ANY_EVENT)
  const { auth } = definition
  if (auth !== undefined) {
    checkAuth(contract, auth)
    handleIn.set(auth.refresh.event, { handle: handleRefresh, check: compile(FreshToken) })
  }
  return Object.freeze({
    contract,
    pattern: parseTopicPattern(owner),
    // The factory was typed against the socket's assigns by the signatures above.
    assigns: optional(owner, 'assigns', definition.assigns) as ((from: From) => unknown) | null,
    authorize: optional(owner, 'authorize', definition.authorize) as ((from: From) => unknown) | null,
    warnEvent: auth?.refresh.warn ?? null,
    join: required(owner, 'join', definition.join),
    checkParams: compile(contract.params),
    handleIn,
    handleAny,
    handleOut: functions(owner, 'handleOut', definition.handleOut),
    handleInfo: functions(owner, 'handleInfo', definition.handleInfo),
    terminate: optional(owner, 'terminate', definition.terminate),
    logJoin: checkLogLevel('logJoin', definition.logJoin ?? 'info'),
    logHandleIn: checkLogLevel('logHandleIn', definition.logHandleIn ?? 'debug'),
    isTyped: checkOf !== null,
  })
}

/** Names come from the network: the table is a Map, in which `constructor` is just a word. */
function functions(owner: string, table: string, handlers: object | undefined): Map<string, Handler> {
  const entries = Object.entries(handlers ?? {})
  return new Map(entries.map(([name, value]) => [name, required(owner, `${table}.${name}`, value)]))
}

function optional(owner: string, name: string, value: unknown): Handler | null {
  return value === undefined ? null : required(owner, name, value)
}

function required(owner: string, name: string, value: unknown): Handler {
  if (typeof value === 'function') return value as Handler
  throw faulty(
    owner,
    `${name} is ${value === undefined ? 'missing' : `of type ${typeof value}`}, not a function`,
  )
}

function faulty(owner: string, what: string): UsageError {
  return new UsageError('PHX_ERR_DEFINITION', `channel ${owner}: ${what}`)
}
