import type { Author } from './identity.ts'

/** Milliseconds for which a user counts as typing after a `typing` event. */
export const TYPING_MS = 6_000
/** Minimum milliseconds between two `typing` events in one room, unless the user sends a message in between. */
export const TYPING_EVERY_MS = 3_000

const GUEST = { id: '', name: 'Someone' }

/** Users who are typing in one room. All guests together count as one user, because guests cannot be told apart. */
export class Typists {
  readonly #until = new Map<string, { readonly name: string; readonly until: number }>()

  /** Record that a user is typing. If the author is undefined, the user is a guest. */
  heard({ id, name }: Author = GUEST, now: number): void {
    this.#until.set(id, { name, until: now + TYPING_MS })
  }

  /** Record that a user is no longer typing, because the user has sent a message. */
  stopped({ id }: Author = GUEST): void {
    this.#until.delete(id)
  }

  clear(): void {
    this.#until.clear()
  }

  /** Names of the users who are typing. */
  names(now: number): readonly string[] {
    for (const [id, { until }] of this.#until) if (until <= now) this.#until.delete(id)
    return [...this.#until.values()].map(({ name }) => name)
  }
}

/** Text of the line below the messages; empty while no user is typing. */
export function typingText(names: readonly string[]): string {
  const [first, second] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing…`
  return names.length === 2 ? `${first} and ${second} are typing…` : 'Several people are typing…'
}
