import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { defineChannel, KeyReusedError } from '../../index.ts'
import { mayEnter, type UserAssigns } from '../auth.ts'
import { type Person, Room, RoomName } from '../contracts/room.ts'
import { RoomPresence } from '../presence.ts'
import { messageKey, roomOf } from '../rooms.ts'

const roomName = Compile(RoomName)

/** Named person in the room. */
type Member = Static<typeof Person>

export const RoomChannel = defineChannel(Room, {
  assigns: ({ user }: UserAssigns) => ({ user, from: null as Member | null }),
  authorize: ({ user }: UserAssigns, topic) => mayEnter(user, roomOf(topic)),
  auth: { refresh: { warn: 'token_expiring', event: 'refresh_token' } },

  join({ name, client }, socket) {
    if (!roomName.Check(socket.subtopic)) return { error: { reason: 'invalid room' } }
    const { user } = socket.assigns
    // With a token, the user's name comes from the token; join params cannot override it.
    if (user !== null) socket.assigns.from = { id: user.id, name: user.name }
    else if (name !== undefined && client !== undefined) socket.assigns.from = { id: client, name }
    const { from } = socket.assigns
    if (from !== null) socket.sendInfo('after_join', from)
    return user !== null && from !== null ? { ok: { user: from } } : { ok: {} }
  },

  handleIn: {
    new_msg({ body, id }, socket) {
      const { from } = socket.assigns
      const message = { body, ...(id !== undefined && { id }), ...(from && { from }) }
      const options = id === undefined ? {} : { key: keyOf(socket, id) }
      return socket.publish('new_msg', message, options).then(confirm, refuse)
    },

    typing(_payload, socket) {
      const { from } = socket.assigns
      socket.broadcastFrom('typing', from === null ? {} : { from })
    },
  },

  handleInfo: {
    after_join({ id, name }: Member, socket) {
      RoomPresence.track(socket, id, { name })
      RoomPresence.pushState(socket)
    },
  },
})

type Sender = { readonly assigns: UserAssigns; readonly recoveryId: string | null; readonly id: string }

/**
 * Deduplication key of a message. If the client has no token, the key contains an id that the server has given the
 * client. The key cannot contain `from`, because such a client can choose any `from`.
 */
function keyOf({ assigns, recoveryId, id }: Sender, messageId: string): string {
  const { user } = assigns
  return user === null
    ? messageKey('client', recoveryId ?? id, messageId)
    : messageKey('user', user.id, messageId)
}

/**
 * Return no reply if the history has kept the message, because the broadcast itself confirms the message. Otherwise
 * return an error reply.
 */
function confirm(isKept: boolean) {
  return isKept ? undefined : { error: { reason: 'unavailable' } }
}

/** Return an error reply if the sender has used the message id for another message. Rethrow any other error. */
function refuse(error: unknown) {
  if (error instanceof KeyReusedError) return { error: { reason: 'key_reused' } }
  throw error
}
