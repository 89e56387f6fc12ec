import { readRooms } from './rooms.ts'

/** Rooms that the page shows; the form joins any other. */
const LIMIT = 50

/** The rooms that the server lists; null if it cannot be asked at the moment. */
export async function fetchRooms(headers: Record<string, string>): Promise<readonly string[] | null> {
  try {
    const response = await fetch(`/api/rooms?limit=${LIMIT}`, { headers })
    return response.ok ? readRooms(await response.json()) : null
  } catch {
    // The state of the connection is on the page already, and the next call comes soon.
    return null
  }
}
