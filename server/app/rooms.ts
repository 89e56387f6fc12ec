import { createHash } from 'node:crypto'
import { Admin } from '../admin/index.ts'
import type { Endpoint } from '../index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    rooms: Rooms
  }
}

const PREFIX = 'room:'
/** Rooms that are listed even if they are empty. */
const FIXED: readonly string[] = ['global', 'lobby']
/** Maximum number of listed rooms, not counting `FIXED`. The rooms with the most connections are listed. */
export const MAX_ROOMS = 1_000

export function topicOf(room: string): string {
  return PREFIX + room
}

export function roomOf(topic: string): string {
  return topic.slice(PREFIX.length)
}

/**
 * Compute the deduplication key of a message from its sender and the id that the sender chose (RECOVERY-13). `kind` is
 * part of the key, because a user, a client and an HTTP request can have the same sender id.
 */
export function messageKey(kind: 'user' | 'client' | 'http', sender: string, id: string): string {
  // Use a digest, because sender and id together can exceed the maximum length of a key.
  return createHash('sha256')
    .update(JSON.stringify([kind, sender, id]))
    .digest('base64url')
}

/** Members of a room, with their numbers of connections, and the number of guests. */
export type RoomDetails = {
  readonly room: string
  readonly members: readonly { readonly name: string; readonly connections: number }[]
  readonly guests: number
  /** Number of members and guests together. A member counts once, even with several connections. */
  readonly count: number
}

/** Rooms of all nodes. The data is at most one second old. */
export class Rooms {
  readonly #admin: Admin

  constructor(endpoint: Endpoint) {
    this.#admin = new Admin(endpoint)
  }

  /**
   * List the two fixed rooms, then the other rooms with connections on any node, sorted by number of connections
   * (highest first), then by name.
   */
  async list(): Promise<readonly string[]> {
    const limit = MAX_ROOMS + FIXED.length + 1
    const topics = await this.#admin.topics.busiest({ prefix: PREFIX, limit })
    const others = topics
      .map(({ topic }) => roomOf(topic))
      .filter((room) => room !== '' && !FIXED.includes(room))
    return [...FIXED, ...others.slice(0, MAX_ROOMS)]
  }

  /** Read the members of a room on all nodes. */
  async show(room: string): Promise<RoomDetails> {
    const { count: total, presences } = await this.#admin.details(topicOf(room))
    const entries = Object.values(presences['room:*'] ?? {})
    // If a person was renamed in one tab only, the metas have different names. The latest meta is used.
    const members = entries.map(({ metas }) => ({
      name: String(metas.at(-1)?.['name'] ?? ''),
      connections: metas.length,
    }))
    const tracked = members.reduce((sum, { connections }) => sum + connections, 0)
    const guests = Math.max(0, total - tracked)
    return { room, members, guests, count: members.length + guests }
  }
}
