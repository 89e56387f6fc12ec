import type { Static, TSchema } from 'typebox'
import {
  checkDefinition,
  faultOf,
  list,
  named,
  object,
  positiveInteger,
  type Rule,
  record,
  rule,
} from './check.ts'
import {
  PHX_CLOSE,
  PHX_ERROR,
  PHX_JOIN,
  PHX_LEAVE,
  PHX_REPLY,
  type PRESENCE_COUNT,
  type PRESENCE_DIFF,
  type PRESENCE_STATE,
  SEQ,
} from './events.ts'
import { isSchemaLike, schema } from './schema.ts'
import { topicPattern } from './topic.ts'

/** One event that clients send: its payload, and its reply if it has one. */
export type IncomingSpec = { readonly payload: TSchema; readonly reply?: TSchema }

/**
 * The broadcasts that each topic of a contract keeps, for clients that come back and for newcomers: at least the
 * latest `size`, unless they are older than `ttlMs` or take more than `maxBytes` (RECOVERY-1).
 */
export type HistorySpec<E extends string = string> = {
  /** The events that are kept, of those in `outgoing`. Their payloads must be JSON. */
  readonly events: readonly E[]
  /** Broadcasts, 1 to 100,000. Default: 100. */
  readonly size?: number
  /** Milliseconds, at least 1,000. Default: 300,000. */
  readonly ttlMs?: number
  /** Bytes of payloads, as JSON in UTF-8. A larger payload cannot be sent. Default: 1,048,576. */
  readonly maxBytes?: number
  /** Milliseconds for which the key of a broadcast is remembered, at least 1,000. Default: 300,000. */
  readonly keyTtlMs?: number
  /**
   * The latest broadcasts that are sent after each join, rejoins among them, to clients that do not ask for
   * recovery. Default: 0.
   */
  readonly onJoin?: number
}

/** What travels on the topics of one pattern: plain data, shared by both ends. */
export type Contract = {
  /** `room:lobby`, or `room:*` for every topic that begins with `room:`. */
  readonly topic: string
  /** What a client sends with its join; unchecked if absent. */
  readonly params?: TSchema
  /** What a join is answered with; `{}` if absent. */
  readonly reply?: TSchema
  /** Client to server. */
  readonly incoming?: { readonly [event: string]: IncomingSpec }
  /** Server to client. */
  readonly outgoing?: { readonly [event: string]: TSchema }
  /** The meta of each presence; adds the presence events to what goes out. */
  readonly presence?: TSchema
  /** Keeps broadcasts, so that clients which ask for it miss none. */
  readonly history?: HistorySpec
}

/** No keys but a contract's: a misspelt `params` would leave joins unchecked. */
type NoOtherKeys<C> = { readonly [K in Exclude<keyof C, keyof Contract>]: never }
/** A history keeps events that the server sends. */
type KeptEvents<C extends Contract> = { readonly history?: HistorySpec<keyof C['outgoing'] & string> }

/**
 * Describe a channel for both ends. The result is the contract itself, frozen.
 * @throws UsageError with `PHX_ERR_DEFINITION` for a malformed topic pattern, an unknown key, a reserved event,
 * a history that keeps events which are not in `outgoing`, or a value that is not a schema of TypeBox or JSON Schema.
 */
export function defineContract<const C extends Contract>(contract: C & NoOtherKeys<C> & KeptEvents<C>): C {
  checkContract(contract)
  return Object.freeze(contract)
}

/** Check a contract that `defineContract` may not have seen. @throws UsageError with `PHX_ERR_DEFINITION`. */
export function checkContract(contract: unknown): asserts contract is Contract {
  if (checked.has(Object(contract))) return
  checkDefinition(named('contract', contract, 'topic'), contract, contractRule)
  if (Object.isFrozen(contract)) checked.add(Object(contract))
}

/** Frozen contracts that have passed: a memo of a pure function, because each typed broadcast names its contract. */
const checked = new WeakSet<object>()

/** Messages of the protocol itself never reach a handler. */
const RESERVED: readonly string[] = [PHX_CLOSE, PHX_ERROR, PHX_JOIN, PHX_LEAVE, PHX_REPLY]
const eventName = rule(
  `an event name that the protocol does not use (${RESERVED.join(', ')})`,
  (name) => name !== '' && !RESERVED.includes(String(name)),
)
const incomingSpec = object<IncomingSpec>({ payload: schema, reply: schema }, ['payload'])

function incomingEvent(value: unknown): ReturnType<Rule> {
  const isSpec = Object.hasOwn(Object(value), 'payload')
  if (isSpec || !isSchemaLike(value)) return incomingSpec(value)
  return faultOf('{ payload: schema, reply?: schema }', value)
}

/** Between two numbers, both included. */
function integer(from: number, to: number): Rule {
  const words = `an integer from ${from} to ${to}`
  return rule(words, (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to)
}

const MAX_SIZE = 100_000
/** What a timer takes. */
const MAX_MS = 2_147_483_647
const historySpec = object<HistorySpec>(
  {
    events: list(rule('an event', (value) => typeof value === 'string')),
    size: integer(1, MAX_SIZE),
    ttlMs: integer(1_000, MAX_MS),
    maxBytes: positiveInteger,
    keyTtlMs: integer(1_000, MAX_MS),
    onJoin: integer(0, MAX_SIZE),
  },
  ['events'],
)

/** A history keeps some events of `outgoing`; one event is the protocol's own where there are places. */
function historyFault({ history, outgoing = {} }: Contract): ReturnType<Rule> {
  if (history === undefined) return null
  const sent = Object.keys(outgoing).join(', ') || 'none'
  if (history.events.length === 0) return { path: 'history.events', words: 'must name an event to keep' }
  const unknown = history.events.find((event) => !Object.hasOwn(outgoing, event))
  if (unknown !== undefined) {
    return { path: 'history.events', words: `must be events of \`outgoing\`: ${sent} (got "${unknown}")` }
  }
  return Object.hasOwn(outgoing, SEQ)
    ? { path: `outgoing.${SEQ}`, words: 'is reserved with a history' }
    : null
}

const contractShape = object<Contract>(
  {
    topic: topicPattern,
    params: schema,
    reply: schema,
    incoming: record(incomingEvent, eventName),
    outgoing: record(schema, eventName),
    presence: schema,
    history: historySpec,
  },
  ['topic'],
)

/** A contract, whether `defineContract` has seen it or not. */
export const contractRule: Rule = (value) => {
  const fault = contractShape(value)
  // The shape has been checked.
  return fault ?? historyFault(value as Contract)
}

/** What `T` describes, or `Otherwise` when there is no schema. */
type StaticOr<T, Otherwise> = T extends TSchema ? Static<T> : Otherwise
/** The object without keys: what a join is answered with if the contract says nothing. */
type NoKeys = Record<string, never>
/** Adds nothing to an intersection, where `NoKeys` would forbid every key. */
type Nothing = Record<never, never>

/** What a client sends with its join. */
export type JoinParams<C extends Contract> = StaticOr<C['params'], unknown>
/** What a join is answered with. */
export type JoinReply<C extends Contract> = StaticOr<C['reply'], NoKeys>
/** The events that clients send. */
export type InEvent<C extends Contract> = keyof NonNullable<C['incoming']> & string
/** The payload of an event that clients send. */
export type InPayload<C extends Contract, E extends InEvent<C>> = StaticOr<
  NonNullable<C['incoming']>[E]['payload'],
  unknown
>
/** The reply to an event that clients send; `never` if it declares none. */
export type InReply<C extends Contract, E extends InEvent<C>> = StaticOr<
  NonNullable<C['incoming']>[E]['reply'],
  never
>
/** The events that the server sends. */
export type OutEvent<C extends Contract> = keyof OutPayloads<C> & string
/** The payload of an event that the server sends. */
export type OutPayload<C extends Contract, E extends OutEvent<C>> = OutPayloads<C>[E]

/** The meta of a presence as it is tracked. */
export type PresenceMeta<C extends Contract> = StaticOr<C['presence'], never>
/** A meta as clients see it: with the reference that makes it unique (PRESENCE-3). */
export type PresenceMetaOut<C extends Contract> = PresenceMeta<C> & { phx_ref: string; phx_ref_prev?: string }
/** Presence keys and their metas; one key has a meta for each tracked channel. */
export type PresenceEntries<C extends Contract> = { [key: string]: { metas: PresenceMetaOut<C>[] } }

type PresencePayloads<C extends Contract> = C['presence'] extends TSchema
  ? {
      [PRESENCE_STATE]: PresenceEntries<C>
      [PRESENCE_DIFF]: { joins: PresenceEntries<C>; leaves: PresenceEntries<C> }
      [PRESENCE_COUNT]: { count: number }
    }
  : Nothing
type OutPayloads<C extends Contract> = {
  [E in keyof NonNullable<C['outgoing']>]: StaticOr<NonNullable<C['outgoing']>[E], unknown>
} & PresencePayloads<C>
