import type { TSchema } from 'typebox'
import type { Contract } from '../../protocol/contract.ts'
import { PHX_JOIN, PRESENCE_COUNT, PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/events.ts'

/** JSON schema, made by TypeBox or written by hand. */
export type Schema = object

/** One kind of message on a topic, seen from the server. */
export type Exchange = {
  readonly action: 'receive' | 'send'
  readonly event: string
  readonly summary?: string
  readonly payload: Schema
  /** Schema of the successful reply to a client's message. */
  readonly reply?: Schema
}

export const stringSchema = { type: 'string' } as const

/** List all messages on the topics of a contract: the join, the events in both directions, and presence. */
export function exchangesOf(contract: Contract): Exchange[] {
  const incoming = Object.entries(contract.incoming ?? {})
  const outgoing = Object.entries(contract.outgoing ?? {})
  return [
    {
      action: 'receive',
      event: PHX_JOIN,
      summary: 'Join the topic; required before any other message',
      payload: contract.params ?? {},
      reply: contract.reply ?? { type: 'object' },
    },
    ...incoming.map(([event, { payload, reply }]): Exchange => {
      const received = { action: 'receive', event, payload } as const
      return reply === undefined ? received : { ...received, reply }
    }),
    ...outgoing.map(([event, payload]): Exchange => ({ action: 'send', event, payload })),
    ...(contract.presence === undefined ? [] : presenceExchanges(contract.presence)),
  ]
}

/** Presence messages that the server sends on the topics of a contract with `presence`. */
function presenceExchanges(meta: TSchema): Exchange[] {
  const refs = objectSchema({ phx_ref: stringSchema, phx_ref_prev: stringSchema }, ['phx_ref'])
  const metas = objectSchema({ metas: { type: 'array', items: { allOf: [meta, refs] } } })
  const entries = { type: 'object', additionalProperties: metas }
  const send = (event: string, summary: string, payload: Schema): Exchange => ({
    action: 'send',
    event,
    summary,
    payload,
  })
  return [
    send(PRESENCE_STATE, 'All presences, by key', entries),
    send(
      PRESENCE_DIFF,
      'Presences that joined, and presences that left, by key',
      objectSchema({ joins: entries, leaves: entries }),
    ),
    send(
      PRESENCE_COUNT,
      'Number of presence keys, if there are too many to list',
      objectSchema({ count: { type: 'integer' } }),
    ),
  ]
}

/** Schema of an object. By default all properties are required. */
export function objectSchema(
  properties: Readonly<Record<string, Schema>>,
  required = Object.keys(properties),
): Schema {
  return { type: 'object', properties, required }
}
