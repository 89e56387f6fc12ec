import { definePresence } from '../index.ts'
import { Room } from './contracts/room.ts'

/**
 * Members of a room. The key is the user's id or, if AUTH_SECRET is unset, the browser's id. So all tabs of a browser
 * are one person. Changes are merged for 500 ms, so that a client that repeatedly joins and leaves does not flood a
 * large room.
 */
export const RoomPresence = definePresence(Room, { windowMs: 500 })
