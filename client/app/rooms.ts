import { limits, notifications } from '../../server/app/contracts/room.ts'

/** Where the page goes when the address names no room. */
export function defaultRoom(): string {
  return Object.keys(notifications)[0] ?? 'lobby'
}

/** Why this cannot be the name of a room, as a sentence; null if it can. */
export function roomNameError(name: string): string | null {
  if (name === '') return 'Type the name of a room.'
  if (name.includes(',')) return 'A name has no commas.'
  if (/\p{Cc}/u.test(name)) return 'A name has no tabs, line breaks or other control characters.'
  const length = [...name].length
  if (length > limits.roomName) return `A name has at most ${limits.roomName} characters; this has ${length}.`
  return null
}

/** The room that the address names after `#`; null if it names none. */
export function roomOfHash(hash: string): string | null {
  const name = hash.replace(/^#/, '')
  try {
    return decodeURIComponent(name) || null
  } catch {
    // Somebody typed a bare % into the address: the name is what it says.
    return name
  }
}

/** The address of a room on this page. */
export function hashOfRoom(name: string): string {
  return `#${encodeURIComponent(name.toWellFormed())}`
}

/** The rooms to show: those that the server lists, and the one we are in. */
export function roomsToShow(listed: readonly string[], current: string): readonly string[] {
  return listed.includes(current) ? listed : [...listed, current]
}

/** Read the answer of `GET /api/rooms`; null if it is something else. */
export function readRooms(answer: unknown): readonly string[] | null {
  if (typeof answer !== 'object' || answer === null || !('rooms' in answer)) return null
  const { rooms } = answer
  return Array.isArray(rooms) && rooms.every((room) => typeof room === 'string') ? rooms : null
}
