import { definePresence } from '../index.ts'
import { Room } from './contracts/room.ts'

/**
 * Members of a room. The key is the browser's id, so its tabs are one person. The window bounds the cost of a client
 * that joins and leaves a large room repeatedly.
 */
export const RoomPresence = definePresence(Room, { windowMs: 500 })
