import { Compile } from 'typebox/compile'
import { defineChannel } from '../../index.ts'
import { Room, RoomName } from '../contracts/room.ts'

const roomName = Compile(RoomName)

export const RoomChannel = defineChannel(Room, {
  join(_params, socket) {
    if (!roomName.Check(socket.subtopic)) return { error: { reason: 'invalid room' } }
    return { ok: {} }
  },

  handleIn: {
    new_msg({ body }, socket) {
      socket.broadcast('new_msg', { body })
    },
  },
})
