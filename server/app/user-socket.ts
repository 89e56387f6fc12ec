import { defineSocket } from '../index.ts'
import { RoomChannel } from './channels/room-channel.ts'

/** Anybody may connect. */
export const UserSocket = defineSocket({
  connect: () => ({ ok: {} }),
}).channel(RoomChannel)
