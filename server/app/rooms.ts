import type { Endpoint } from '../index.ts'
import { RoomPresence } from './presence.ts'
import { SharedAnswers } from './shared-answers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The rooms of the chat. */
    rooms: Rooms
  }
}

const PREFIX = 'room:'
/** The rooms that are there though nobody is in them. */
const FIXED: readonly string[] = ['global', 'lobby']
/** Rooms that nodes tell each other, and that are listed at all: those with most members. */
export const MAX_ROOMS = 1_000
const ROOMS_IN_A_TURN = 2_000
/** Milliseconds for which a list or a room is shown without a new look. */
const SHARED_MS = 1_000
/** The question of one node to the others. */
const BUSIEST = 'busiest rooms'

/** The topic of a room. */
export function topicOf(room: string): string {
  return PREFIX + room
}

/** The room of a topic. */
export function roomOf(topic: string): string {
  return topic.slice(PREFIX.length)
}

/** Who is in a room: people by name with their connections, and how many came without a name. */
export type RoomDetails = {
  readonly room: string
  readonly members: readonly { readonly name: string; readonly connections: number }[]
  readonly guests: number
  /** Members and guests. */
  readonly count: number
}

/** A room and how many channels have joined it. */
type Counted = readonly [room: string, count: number]

/** The rooms of all nodes. A look at them is shared by all who ask within a second. */
export class Rooms {
  readonly #endpoint: Endpoint
  readonly #ranking: SharedAnswers<Promise<readonly Counted[]>>
  readonly #lists: SharedAnswers<Promise<readonly string[]>>
  readonly #shown: SharedAnswers<Promise<RoomDetails>>

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.#ranking = new SharedAnswers(SHARED_MS)
    this.#lists = new SharedAnswers(SHARED_MS)
    this.#shown = new SharedAnswers(SHARED_MS)
    endpoint.engine.nodes.answer(BUSIEST, () => this.#busiestHere())
  }

  /** The two fixed rooms, then the others with members on any node: those with most of them first, then by name. */
  list(): Promise<readonly string[]> {
    return this.#lists.get('', () => this.#list())
  }

  /** Who is in a room, on all nodes. */
  show(room: string): Promise<RoomDetails> {
    return this.#shown.get(room, () => this.#show(room))
  }

  async #list(): Promise<readonly string[]> {
    const others = await this.#endpoint.engine.nodes.askAll(BUSIEST, null)
    const counts = new Map<string, number>()
    for (const ranking of [await this.#busiestHere(), ...others]) {
      // Only nodes of this cluster answer, with what the method below gives.
      for (const [room, count] of (ranking ?? []) as readonly Counted[]) {
        counts.set(room, (counts.get(room) ?? 0) + count)
      }
    }
    const ranking = new Ranking()
    for (const room of counts) ranking.add(room)
    return [...FIXED, ...ranking.first().map(([room]) => room)]
  }

  #busiestHere(): Promise<readonly Counted[]> {
    return this.#ranking.get('', () => this.#rankHere())
  }

  /** Looks at so many rooms in a turn of the event loop, however many there are. */
  async #rankHere(): Promise<readonly Counted[]> {
    const ranking = new Ranking()
    let looked = 0
    for (const topic of this.#endpoint.pubsub.topics(PREFIX)) {
      looked += 1
      if (looked % ROOMS_IN_A_TURN === 0) await new Promise(setImmediate)
      const room = roomOf(topic)
      const count = this.#endpoint.localMemberCount(topic)
      if (count > 0 && room !== '' && !FIXED.includes(room)) ranking.add([room, count])
    }
    return ranking.first()
  }

  async #show(room: string): Promise<RoomDetails> {
    const topic = topicOf(room)
    const list = RoomPresence.list(this.#endpoint, topic)
    const [present, total] = await Promise.all([list, this.#endpoint.memberCount(topic)])
    const entries = Object.values(present)
    // A person who renamed themselves in one tab has several names; the latest counts.
    const members = entries.map(({ metas }) => ({
      name: metas.at(-1)?.name ?? '',
      connections: metas.length,
    }))
    const tracked = members.reduce((sum, { connections }) => sum + connections, 0)
    const guests = Math.max(0, total - tracked)
    return { room, members, guests, count: members.length + guests }
  }
}

/** Those with most members first, then by name. */
function order([a, m]: Counted, [b, n]: Counted): number {
  return n - m || (a < b ? -1 : 1)
}

/** Keeps the first `MAX_ROOMS`. It sorts portions: a room behind the last one kept costs one comparison. */
class Ranking {
  #kept: Counted[]
  #last: Counted | null

  constructor() {
    this.#kept = []
    this.#last = null
  }

  add(room: Counted): void {
    if (this.#last !== null && order(room, this.#last) > 0) return
    this.#kept.push(room)
    if (this.#kept.length >= 2 * MAX_ROOMS) this.#last = this.first().at(-1) ?? null
  }

  first(): readonly Counted[] {
    this.#kept = this.#kept.sort(order).slice(0, MAX_ROOMS)
    return this.#kept
  }
}
