import type { Static, TSchema } from 'typebox'
import { checkDefinition, faultOf, named, object, type Rule, record, rule } from './check.ts'
import {
  PHX_CLOSE,
  PHX_ERROR,
  PHX_JOIN,
  PHX_LEAVE,
  PHX_REPLY,
  type PRESENCE_COUNT,
  type PRESENCE_DIFF,
  type PRESENCE_STATE,
} from './events.ts'
import { isSchemaLike, schema } from './schema.ts'
import { topicPattern } from './topic.ts'

/** One event that clients send: its payload, and its reply if it has one. */
export type IncomingSpec = { readonly payload: TSchema; readonly reply?: TSchema }

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
}

/** No keys but a contract's: a misspelt `params` would leave joins unchecked. */
type NoOtherKeys<C> = { readonly [K in Exclude<keyof C, keyof Contract>]: never }

/**
 * Describe a channel for both ends. The result is the contract itself, frozen.
 * @throws UsageError with `PHX_ERR_DEFINITION` for a malformed topic pattern, an unknown key, a reserved event,
 * or a value that is not a schema of TypeBox or JSON Schema.
 */
export function defineContract<const C extends Contract>(contract: C & NoOtherKeys<C>): C {
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

/** A contract, whether `defineContract` has seen it or not. */
export const contractRule = object<Contract>(
  {
    topic: topicPattern,
    params: schema,
    reply: schema,
    incoming: record(incomingEvent, eventName),
    outgoing: record(schema, eventName),
    presence: schema,
  },
  ['topic'],
)

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
