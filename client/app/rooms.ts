import { limits, notifications } from '../../server/app/contracts/room.ts'

/** The room of an address that names none: the first of those that the token is for, if it is for some only. */
export function defaultRoom(allowed: readonly string[] | null = null): string {
  return allowed?.[0] ?? Object.keys(notifications)[0] ?? 'lobby'
}

/** Why this cannot be the name of a room, as a sentence; null if it can. */
export function roomNameError(name: string): string | null {
  if (name === '') return 'Type the name of a room.'
  if (name.includes(',')) return 'A name cannot contain commas.'
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain tabs, line breaks or other control characters.'
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

const byName = new Intl.Collator(undefined, { numeric: true })

/** The rooms to show: those that the server lists and those that are open, as people sort them. */
export function roomsToShow(listed: readonly string[], open: readonly string[]): readonly string[] {
  const rooms = [...new Set([...listed, ...open])]
  return rooms.sort((a, b) => byName.compare(a, b) || (a < b ? -1 : 1))
}

/** The title of the page: unread messages, then the room. */
export function titleOf(room: string, unread: number): string {
  return `${unread > 0 ? `(${unread}) ` : ''}#${room} · fastify-phoenix`
}

/** Read the answer of `GET /api/rooms`; null if it is something else. */
export function readRooms(answer: unknown): readonly string[] | null {
  if (typeof answer !== 'object' || answer === null || !('rooms' in answer)) return null
  const { rooms } = answer
  return Array.isArray(rooms) && rooms.every((room) => typeof room === 'string') ? rooms : null
}
