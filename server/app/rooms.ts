import type { Endpoint } from '../index.ts'
import { RoomPresence } from './presence.ts'

const PREFIX = 'room:'
/** The rooms that are there though nobody is in them. */
const FIXED = ['global', 'lobby']

/** The topic of a room. */
export function topicOf(room: string): string {
  return PREFIX + room
}

/** The room of a topic. */
export function roomOf(topic: string): string {
  return topic.slice(PREFIX.length)
}

/** The two fixed rooms, then every other room that has members on any node, sorted. */
export async function listRooms(endpoint: Endpoint): Promise<string[]> {
  const topics = await endpoint.topics(PREFIX)
  const occupied = topics.map(roomOf)
  return [...FIXED, ...occupied.filter((room) => room !== '' && !FIXED.includes(room))]
}

/** Who is in a room: people by name with their connections, and how many came without a name. */
export type RoomDetails = {
  readonly room: string
  readonly members: { readonly name: string; readonly connections: number }[]
  readonly guests: number
  /** Members and guests. */
  readonly count: number
}

/** Who is in a room, on all nodes. */
export async function showRoom(endpoint: Endpoint, room: string): Promise<RoomDetails> {
  const topic = topicOf(room)
  const [list, total] = await Promise.all([RoomPresence.list(endpoint, topic), endpoint.memberCount(topic)])
  const entries = Object.values(list)
  // A person who renamed themselves in one tab has several names; the latest counts.
  const members = entries.map(({ metas }) => ({ name: metas.at(-1)?.name ?? '', connections: metas.length }))
  const tracked = members.reduce((sum, { connections }) => sum + connections, 0)
  const guests = Math.max(0, total - tracked)
  return { room, members, guests, count: members.length + guests }
}
