import type { Socket } from 'phoenix'
import { Conversation } from './conversation.ts'
import type { Identity } from './identity.ts'
import { enterRoom, type Stay } from './stay.ts'

/** A room and the user's stay in it, under a name or without. */
export type Visit = {
  readonly conversation: Conversation
  readonly stay: Stay
  readonly name: string | null
}

/** How to go from room to room. */
export type VisitsOptions = {
  readonly me: Identity
  /** Called whenever there is something new to show. */
  changed(): void
}

/**
 * Moves the user from room to room, and into the same one again when they have another name; what was said and
 * not sent in each is kept while the page lives.
 */
export function visits(socket: Socket, { me, changed }: VisitsOptions): (room: string) => Visit {
  const conversations = new Map<string, Conversation>()
  let visit: Visit | null = null

  return (room) => {
    const { name, joinParams } = me
    const isHere = visit?.conversation.room === room && visit.conversation.membership !== 'closed'
    if (visit !== null && isHere && visit.name === name) return visit
    if (isHere) visit?.stay.giveWay()
    else visit?.stay.leave()
    const conversation = conversations.get(room) ?? new Conversation(room)
    conversations.set(room, conversation)
    visit = { conversation, stay: enterRoom(socket, conversation, { joinParams, changed }), name }
    changed()
    return visit
  }
}
