import type { Author } from './identity.ts'

/** Milliseconds for which a sign of writing counts. */
export const TYPING_MS = 6_000
/** Milliseconds between two signs that a page sends. */
export const TYPING_EVERY_MS = 3_000

const GUEST = { id: '', name: 'Someone' }

/** The people who are writing in one room. Guests cannot be told apart: they count as one. */
export class Typists {
  readonly #until = new Map<string, { readonly name: string; readonly until: number }>()

  /** Somebody writes; without `from` a guest. */
  heard({ id, name }: Author = GUEST, now: number): void {
    this.#until.set(id, { name, until: now + TYPING_MS })
  }

  /** Somebody has sent what they wrote. */
  stopped({ id }: Author = GUEST): void {
    this.#until.delete(id)
  }

  clear(): void {
    this.#until.clear()
  }

  /** The names of those who write. */
  names(now: number): readonly string[] {
    for (const [id, { until }] of this.#until) if (until <= now) this.#until.delete(id)
    return [...this.#until.values()].map(({ name }) => name)
  }
}

/** The line below the messages; empty while nobody writes. */
export function typingText(names: readonly string[]): string {
  const [first, second] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing…`
  return names.length === 2 ? `${first} and ${second} are typing…` : 'Several people are typing…'
}
