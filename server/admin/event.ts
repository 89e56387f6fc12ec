import { Type } from 'typebox'

/** Schema of an event that operators may broadcast. Events of the protocol are excluded: they would confuse clients. */
export const Event = Type.String({ pattern: '^(?!phx_)\\P{Cc}{1,255}$', description: 'Name of the event' })
