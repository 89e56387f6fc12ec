import { Compile } from 'typebox/compile'
import { defineChannel } from '../../index.ts'
import { mayEnter, type UserAssigns } from '../auth.ts'
import { Room, RoomName } from '../contracts/room.ts'
import { RoomPresence } from '../presence.ts'
import { roomOf } from '../rooms.ts'

const roomName = Compile(RoomName)

/** Who asks to be seen in the room. */
type Person = { readonly name: string; readonly client: string }

export const RoomChannel = defineChannel(Room, {
  assigns: ({ user }: UserAssigns) => ({ user }),
  authorize: ({ user }: UserAssigns, topic) => mayEnter(user, roomOf(topic)),
  auth: { refresh: { warn: 'token_expiring', event: 'refresh_token' } },

  join({ name, client }, socket) {
    if (!roomName.Check(socket.subtopic)) return { error: { reason: 'invalid room' } }
    const { user } = socket.assigns
    // Who has a token has the name that it says, and no other.
    if (user !== null) socket.sendInfo('after_join', { name: user.name, client: user.id })
    else if (name !== undefined && client !== undefined) socket.sendInfo('after_join', { name, client })
    return { ok: {} }
  },

  handleIn: {
    new_msg({ body }, socket) {
      socket.broadcast('new_msg', { body })
    },
  },

  handleInfo: {
    after_join({ name, client }: Person, socket) {
      RoomPresence.track(socket, client, { name })
      RoomPresence.pushState(socket)
    },
  },
})
