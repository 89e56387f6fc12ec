import { Compile } from 'typebox/compile'
import { defineChannel } from '../../index.ts'
import { Room, RoomName } from '../contracts/room.ts'
import { RoomPresence } from '../presence.ts'

const roomName = Compile(RoomName)

/** Who asks to be seen in the room. */
type Person = { readonly name: string; readonly client: string }

export const RoomChannel = defineChannel(Room, {
  join({ name, client }, socket) {
    if (!roomName.Check(socket.subtopic)) return { error: { reason: 'invalid room' } }
    if (name !== undefined && client !== undefined) socket.sendInfo('after_join', { name, client })
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
