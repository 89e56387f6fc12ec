import { definePresence } from '../index.ts'
import { Room } from './contracts/room.ts'

/** Who is in a room; the key is the browser's id, so that its tabs are one person. */
export const RoomPresence = definePresence(Room)
