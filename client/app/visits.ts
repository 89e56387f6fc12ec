import type { Socket } from 'phoenix'
import { Conversation } from './conversation.ts'
import { enterRoom, type Stay } from './stay.ts'

/** A room and the user's stay in it. */
export type Visit = { readonly conversation: Conversation; readonly stay: Stay }

/** Moves the user from room to room; what was said and not sent in each is kept while the page lives. */
export function visits(socket: Socket, changed: () => void): (room: string) => Visit {
  const conversations = new Map<string, Conversation>()
  let visit: Visit | null = null

  return (room) => {
    const isHere = visit?.conversation.room === room && visit.conversation.membership !== 'closed'
    if (visit !== null && isHere) return visit
    visit?.stay.leave()
    const conversation = conversations.get(room) ?? new Conversation(room)
    conversations.set(room, conversation)
    visit = { conversation, stay: enterRoom(socket, conversation, changed) }
    changed()
    return visit
  }
}
