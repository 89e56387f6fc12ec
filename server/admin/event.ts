import { Type } from 'typebox'

/**
 * Schema for the names of the events that operators can broadcast. Names of protocol events (`phx_…`) are not allowed,
 * because they would confuse clients.
 */
export const Event = Type.String({ pattern: '^(?!phx_)\\P{Cc}{1,255}$', description: 'Name of the event' })
