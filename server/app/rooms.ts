import type { Endpoint } from '../index.ts'

const PREFIX = 'room:'
/** The rooms that are there though nobody is in them. */
const FIXED = ['global', 'lobby']

/** The topic of a room. */
export function topicOf(room: string): string {
  return PREFIX + room
}

/** The two fixed rooms, then every other room that has members, sorted. */
export function listRooms(endpoint: Endpoint): string[] {
  const occupied = endpoint.topics(PREFIX).map((topic) => topic.slice(PREFIX.length))
  return [...FIXED, ...occupied.filter((room) => room !== '' && !FIXED.includes(room))]
}
