import { limits, notifications } from '../../server/app/contracts/room.ts'

/**
 * Default room of the page: the first room in `allowed`, the list of rooms that the user may enter. If `allowed` is
 * null, the user may enter every room that is not private, and the default is the first room that receives background
 * notifications (the first key of `notifications`).
 */
export function defaultRoom(allowed: readonly string[] | null = null): string {
  return allowed?.[0] ?? Object.keys(notifications)[0] ?? 'lobby'
}

/** Problem with the name of a room, as a sentence; null if the name is valid. */
export function roomNameError(name: string): string | null {
  if (name === '') return 'Type the name of a room.'
  if (name.includes(',')) return 'A name cannot contain commas.'
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain tabs, line breaks or other control characters.'
  const length = [...name].length
  if (length > limits.roomName)
    return `A name has at most ${limits.roomName} characters; this name has ${length}.`
  return null
}

/** Room in the hash of the page's URL; null if the hash is empty. */
export function roomOfHash(hash: string): string | null {
  const name = hash.replace(/^#/, '')
  try {
    return decodeURIComponent(name) || null
  } catch {
    // The user typed a bare % into the URL. Use the hash as the name, without decoding it.
    return name
  }
}

/** URL hash of a room on this page. */
export function hashOfRoom(name: string): string {
  return `#${encodeURIComponent(name.toWellFormed())}`
}

const byName = new Intl.Collator(undefined, { numeric: true })

/** Rooms that the server lists and rooms that are open on this page, in natural order (`a2` before `a10`). */
export function roomsToShow(listed: readonly string[], open: readonly string[]): readonly string[] {
  const rooms = [...new Set([...listed, ...open])]
  return rooms.sort((a, b) => byName.compare(a, b) || (a < b ? -1 : 1))
}

/** Title of the page: the number of unread messages (if there are any) and the name of the room. */
export function titleOf(room: string, unread: number): string {
  return `${unread > 0 ? `(${unread}) ` : ''}#${room} · fastify-phoenix`
}

/** Read the response of `GET /api/rooms`. Returns null if the response is malformed. */
export function readRooms(answer: unknown): readonly string[] | null {
  if (typeof answer !== 'object' || answer === null || !('rooms' in answer)) return null
  const { rooms } = answer
  return Array.isArray(rooms) && rooms.every((room) => typeof room === 'string') ? rooms : null
}
