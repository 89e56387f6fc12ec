import type { TSchema } from 'typebox'
import type { Contract } from '../../protocol/contract.ts'
import { PHX_JOIN, PRESENCE_COUNT, PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/events.ts'

/** A JSON schema: of TypeBox, or written out. */
export type Schema = object

/** One thing that travels on a topic, seen from the server. */
export type Exchange = {
  readonly action: 'receive' | 'send'
  readonly event: string
  readonly summary?: string
  readonly payload: Schema
  /** What a client's message is answered with if all is well. */
  readonly reply?: Schema
}

/** The schema of any text. */
export const text = { type: 'string' } as const

/** All that travels on the topics of a contract: the join, the events in both directions, presence. */
export function exchangesOf(contract: Contract): Exchange[] {
  const incoming = Object.entries(contract.incoming ?? {})
  const outgoing = Object.entries(contract.outgoing ?? {})
  return [
    {
      action: 'receive',
      event: PHX_JOIN,
      summary: 'Join the topic, as all else needs',
      payload: contract.params ?? {},
      reply: contract.reply ?? { type: 'object' },
    },
    ...incoming.map(([event, { payload, reply }]): Exchange => {
      const received = { action: 'receive', event, payload } as const
      return reply === undefined ? received : { ...received, reply }
    }),
    ...outgoing.map(([event, payload]): Exchange => ({ action: 'send', event, payload })),
    ...(contract.presence === undefined ? [] : presence(contract.presence)),
  ]
}

/** The events of `definePresence`. */
function presence(meta: TSchema): Exchange[] {
  const refs = object({ phx_ref: text, phx_ref_prev: text }, ['phx_ref'])
  const metas = object({ metas: { type: 'array', items: { allOf: [meta, refs] } } })
  const entries = { type: 'object', additionalProperties: metas }
  const send = (event: string, summary: string, payload: Schema): Exchange => ({
    action: 'send',
    event,
    summary,
    payload,
  })
  return [
    send(PRESENCE_STATE, 'Who is present, by key', entries),
    send(PRESENCE_DIFF, 'Who came and who went', object({ joins: entries, leaves: entries })),
    send(
      PRESENCE_COUNT,
      'How many are present, where they are too many to list',
      object({ count: { type: 'integer' } }),
    ),
  ]
}

/** The schema of an object, whose properties are all required unless it says otherwise. */
export function object(
  properties: Readonly<Record<string, Schema>>,
  required = Object.keys(properties),
): Schema {
  return { type: 'object', properties, required }
}
