import { definePresence } from '../index.ts'
import { Room } from './contracts/room.ts'

/**
 * Who is in a room; the key is the browser's id, so that its tabs are one person. The window bounds what a
 * client costs that joins and leaves a large room again and again.
 */
export const RoomPresence = definePresence(Room, { windowMs: 500 })
