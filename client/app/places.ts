import type { Cursor } from '../typed.ts'
import type { Store } from './store.ts'

const PLACES = 'fastify-phoenix.places'
const ROOMS = 'fastify-phoenix.rooms'
/** Maximum number of rooms for which a position is stored. */
const MAX_PLACES = 100

/**
 * Stored state: for this browser, the position up to which the user has read each room; for this tab, the open rooms.
 */
export class Places {
  readonly #browser: Store
  readonly #tab: Store

  constructor(browser: Store, tab: Store) {
    this.#browser = browser
    this.#tab = tab
  }

  /** Position up to which the user has read a room; null if no position is stored. */
  lastRead(room: string): Cursor | null {
    const [, epoch, seq] = this.#places().find(([name]) => name === room) ?? []
    return typeof epoch === 'string' && typeof seq === 'number' ? { epoch, seq } : null
  }

  /** Save the position up to which the user has read a room. */
  keep(room: string, { epoch, seq }: Cursor): void {
    const known = this.lastRead(room)
    if (known?.epoch === epoch && known.seq >= seq) return
    const others = this.#places().filter(([name]) => name !== room)
    this.#browser.setItem(PLACES, JSON.stringify([...others, [room, epoch, seq]].slice(-MAX_PLACES)))
  }

  /** Rooms that were open in this tab, in the order of the latest visits: the most recent is last. */
  get rooms(): readonly string[] {
    return listOf(this.#tab.getItem(ROOMS)).map(String)
  }

  /** Store the open rooms. */
  open(rooms: readonly string[]): void {
    const text = JSON.stringify(rooms)
    if (this.#tab.getItem(ROOMS) !== text) this.#tab.setItem(ROOMS, text)
  }

  #places(): unknown[][] {
    return listOf(this.#browser.getItem(PLACES)).filter(Array.isArray)
  }
}

/** Parse a stored list. Returns an empty list if the text is not a list: the user can edit what is stored. */
function listOf(text: string | null): unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
