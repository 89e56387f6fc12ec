import { Type } from 'typebox'
import { defineContract } from '../../server/index.ts'

/** Contract of the rooms in a chaos run. A room keeps more messages than are sent while a client is away. */
export const ChaosRoom = defineContract({
  topic: 'room:*',
  params: Type.Object({ id: Type.String(), stay: Type.Integer() }),
  incoming: { say: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({}) } },
  outgoing: { said: Type.Object({ by: Type.String(), from: Type.Integer(), n: Type.Integer() }) },
  history: { events: ['said'], size: 5_000 },
  presence: Type.Object({ stay: Type.Integer() }),
})

/** Format a presence as a line of a view. */
export function lineOf(id: string, meta: { readonly stay: number; readonly phx_ref: string }): string {
  return `${id}/${meta.stay} ${meta.phx_ref}`
}
