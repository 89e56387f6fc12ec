import type { Cursor } from '../typed.ts'
import type { Store } from './store.ts'

const PLACES = 'fastify-phoenix.places'
const ROOMS = 'fastify-phoenix.rooms'
/** Rooms whose places are kept. */
const MAX_PLACES = 100

/** Stored state: how far the user has read each room, in this browser, and the rooms open in this tab. */
export class Places {
  readonly #browser: Store
  readonly #tab: Store

  constructor(browser: Store, tab: Store) {
    this.#browser = browser
    this.#tab = tab
  }

  /** How far the user has read a room; null if that is not known. */
  left(room: string): Cursor | null {
    const [, epoch, seq] = this.#places().find(([name]) => name === room) ?? []
    return typeof epoch === 'string' && typeof seq === 'number' ? { epoch, seq } : null
  }

  /** The user has read a room up to a place. */
  keep(room: string, { epoch, seq }: Cursor): void {
    const known = this.left(room)
    if (known?.epoch === epoch && known.seq >= seq) return
    const others = this.#places().filter(([name]) => name !== room)
    this.#browser.setItem(PLACES, JSON.stringify([...others, [room, epoch, seq]].slice(-MAX_PLACES)))
  }

  /** The rooms that were open in this tab, the one visited last at the end. */
  get rooms(): readonly string[] {
    return listOf(this.#tab.getItem(ROOMS)).map(String)
  }

  /** Remember the open rooms. */
  open(rooms: readonly string[]): void {
    const text = JSON.stringify(rooms)
    if (this.#tab.getItem(ROOMS) !== text) this.#tab.setItem(ROOMS, text)
  }

  #places(): unknown[][] {
    return listOf(this.#browser.getItem(PLACES)).filter(Array.isArray)
  }
}

/** List of a stored text; empty if the text is none: the user may have edited it. */
function listOf(text: string | null): unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
