import type { Static, TSchema } from 'typebox'
import { Binary } from './binary.ts'
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

/** Schemas for an event that clients send: the schema of the payload, and of the reply if the event has a reply. */
export type IncomingSpec = { readonly payload: TSchema; readonly reply?: TSchema }

/**
 * History of each topic of a contract. Clients can recover missed broadcasts from the history. `size`, `ttlMs` and
 * `maxBytes` limit which broadcasts are kept (RECOVERY-1).
 */
export type HistorySpec<E extends string = string> = {
  /** Events of `outgoing` that are kept. Their payloads must be JSON. */
  readonly events: readonly E[]
  /** Number of broadcasts to keep per topic, 1 to 100,000. Default: 100. */
  readonly size?: number
  /** Maximum age of a broadcast in milliseconds, at least 1,000. Default: 300,000. */
  readonly ttlMs?: number
  /**
   * Maximum total size of the kept payloads, in bytes of JSON. A single payload that is larger cannot be sent. Default:
   * 1,048,576.
   */
  readonly maxBytes?: number
  /**
   * Milliseconds for which the history remembers the deduplication key of a broadcast, at least 1,000. Default:
   * 300,000.
   */
  readonly keyTtlMs?: number
  /**
   * Number of latest broadcasts that are sent after each join (rejoins too) to clients that do not ask for recovery.
   * Default: 0.
   */
  readonly onJoin?: number
}

/** Schemas of all messages on the topics of one pattern. Plain data, shared by server and client. */
export type Contract = {
  /** Topic pattern: `room:lobby`, or `room:*` for every topic that begins with `room:`. */
  readonly topic: string
  /** Schema of the join params. Default: none, which allows any params. */
  readonly params?: TSchema
  /** Schema of the reply to a join. Without a schema, the reply is an empty object. */
  readonly reply?: TSchema
  /** Events from client to server. */
  readonly incoming?: { readonly [event: string]: IncomingSpec }
  /** Events from server to client, with the schemas of their payloads. */
  readonly outgoing?: { readonly [event: string]: TSchema }
  /** Schema of a presence's meta. If given, the presence events are also outgoing events. */
  readonly presence?: TSchema
  /** History of broadcasts, from which clients can recover missed broadcasts. Default: none. */
  readonly history?: HistorySpec
}

/** Forbids unknown keys, because a misspelt `params` would leave joins unchecked. */
export type NoOtherKeys<C> = { readonly [K in Exclude<keyof C, keyof Contract>]: never }
/** Allows only outgoing events in a history. */
export type KeptEvents<C extends Contract> = { readonly history?: HistorySpec<keyof C['outgoing'] & string> }

/**
 * Define the contract of a channel. Returns the contract itself, frozen.
 * @throws UsageError with `PHX_ERR_DEFINITION` for a malformed topic pattern, an unknown key, a reserved event,
 * a history with events that are not in `outgoing`, or a value that is not a TypeBox schema or JSON Schema.
 */
export function defineContract<const C extends Contract>(contract: C & NoOtherKeys<C> & KeptEvents<C>): C {
  checkContract(contract)
  return Object.freeze(contract)
}

/**
 * Check a contract, which does not necessarily come from `defineContract`. @throws UsageError with
 * `PHX_ERR_DEFINITION`.
 */
export function checkContract(contract: unknown): asserts contract is Contract {
  if (checked.has(Object(contract))) return
  checkDefinition(named('contract', contract, 'topic'), contract, contractRule)
  if (Object.isFrozen(contract)) checked.add(Object(contract))
}

/**
 * Cache of frozen contracts that are valid. Each typed broadcast passes its contract to `checkContract`; a contract in
 * the cache is not checked again.
 */
const checked = new WeakSet<object>()

/** Events of the protocol itself, which never reach a handler. */
const RESERVED_EVENTS: readonly string[] = [PHX_CLOSE, PHX_ERROR, PHX_JOIN, PHX_LEAVE, PHX_REPLY]
/** Rule for the name of an event that applications are allowed to send. */
export const eventName = rule(
  `a non-empty event name other than ${RESERVED_EVENTS.slice(0, -1).join(', ')} and ${RESERVED_EVENTS.at(-1)}`,
  (name) => name !== '' && !RESERVED_EVENTS.includes(String(name)),
)
const incomingSpec = object<IncomingSpec>({ payload: schema, reply: schema }, ['payload'])

function incomingEvent(value: unknown): ReturnType<Rule> {
  const isSpec = Object.hasOwn(Object(value), 'payload')
  if (isSpec || !isSchemaLike(value)) return incomingSpec(value)
  return faultOf('{ payload: schema, reply?: schema }', value)
}

/** Rule for an integer from `from` to `to`, both included. */
function integer(from: number, to: number): Rule {
  const words = `an integer from ${from} to ${to}`
  return rule(words, (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to)
}

const MAX_SIZE = 100_000
/** Longest delay of a timer, in milliseconds. */
const MAX_MS = 2_147_483_647
export const historyRule: Rule = object<HistorySpec>(
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

/**
 * Check a contract with a history: `outgoing` must have the kept events, and must not have the reserved event `_seq`.
 */
function historyFault({ history, outgoing = {} }: Contract): ReturnType<Rule> {
  if (history === undefined) return null
  const sent = Object.keys(outgoing).join(', ') || 'none'
  if (history.events.length === 0) return { path: 'history.events', words: 'must contain at least one event' }
  const unknown = history.events.find((event) => !Object.hasOwn(outgoing, event))
  if (unknown !== undefined) {
    return {
      path: 'history.events',
      words: `must only contain events of \`outgoing\` (${sent}), but contains "${unknown}"`,
    }
  }
  const binary = history.events.find((event) => outgoing[event] === Binary)
  if (binary !== undefined)
    return { path: 'history.events', words: `must not contain "${binary}", whose payload is Binary` }
  return Object.hasOwn(outgoing, SEQ)
    ? { path: `outgoing.${SEQ}`, words: 'is reserved in a contract with a history' }
    : null
}

/** Types of JSON Schema whose values cannot be sent, because a payload is an object or bytes (FRAME-6). */
const UNSENDABLE: readonly unknown[] = ['array', 'boolean', 'integer', 'null', 'number', 'string']

function outgoingEvent(value: unknown): ReturnType<Rule> {
  const fault = schema(value)
  const { type } = Object(value)
  if (fault !== null || !UNSENDABLE.includes(type)) return fault
  return { path: '', words: `must describe an object, or be Binary (got a schema of the type "${type}")` }
}

const contractShape = object<Contract>(
  {
    topic: topicPattern,
    params: schema,
    reply: schema,
    incoming: record(incomingEvent, eventName),
    outgoing: record(outgoingEvent, eventName),
    presence: schema,
    history: historyRule,
  },
  ['topic'],
)

/** Rule that accepts every valid contract, even if `defineContract` did not create the contract. */
export const contractRule: Rule = (value) => {
  const fault = contractShape(value)
  // The cast is safe: `contractShape` has checked the value.
  return fault ?? historyFault(value as Contract)
}

/** Type of the values that the schema `T` describes; `Otherwise` if `T` is not a schema. */
export type StaticOr<T, Otherwise> = T extends TSchema ? Static<T> : Otherwise
/** Object without keys: the default reply to a join. */
export type NoKeys = Record<string, never>
/** Type that adds nothing to an intersection: `T & NothingMore` is the same as `T`. */
export type NothingMore = Record<never, never>

/** Params that a client sends with a join; `unknown` if the contract has no `params`. */
export type JoinParams<C extends Contract> = StaticOr<C['params'], unknown>
/** Reply to a join; an empty object if the contract has no `reply`. */
export type JoinReply<C extends Contract> = StaticOr<C['reply'], NoKeys>
/** Names of the events that clients send. */
export type InEvent<C extends Contract> = keyof NonNullable<C['incoming']> & string
/** Payload of an event that clients send. */
export type InPayload<C extends Contract, E extends InEvent<C>> = StaticOr<
  NonNullable<C['incoming']>[E]['payload'],
  unknown
>
/** Reply to an event that clients send; `never` if the contract declares no reply. */
export type InReply<C extends Contract, E extends InEvent<C>> = StaticOr<
  NonNullable<C['incoming']>[E]['reply'],
  never
>
/** Names of the events that the server sends. */
export type OutEvent<C extends Contract> = keyof OutPayloads<C> & string
/** Payload of an event that the server sends. */
export type OutPayload<C extends Contract, E extends OutEvent<C>> = OutPayloads<C>[E]

/** Meta of a presence, as the server sets it, without `phx_ref`. */
export type PresenceMeta<C extends Contract> = StaticOr<C['presence'], never>
/** Meta as clients receive it: `phx_ref` makes each meta unique (PRESENCE-3). */
export type PresenceMetaOut<C extends Contract> = PresenceMeta<C> & { phx_ref: string; phx_ref_prev?: string }
/** Metas by presence key. Each key has one meta per tracked channel. */
export type PresenceEntries<C extends Contract> = { [key: string]: { metas: PresenceMetaOut<C>[] } }

/** Payloads of the presence events of a contract with `presence`. */
export type PresencePayloads<C extends Contract> = C['presence'] extends TSchema
  ? {
      [PRESENCE_STATE]: PresenceEntries<C>
      [PRESENCE_DIFF]: { joins: PresenceEntries<C>; leaves: PresenceEntries<C> }
      [PRESENCE_COUNT]: { count: number }
    }
  : NothingMore
/** Payloads of all events that the server sends. */
export type OutPayloads<C extends Contract> = {
  [E in keyof NonNullable<C['outgoing']>]: StaticOr<NonNullable<C['outgoing']>[E], unknown>
} & PresencePayloads<C>
