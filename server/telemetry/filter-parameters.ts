import { list, nonEmptyString } from '../../protocol/check.ts'

/** Text that replaces a secret value in the log. */
const FILTERED = '[FILTERED]'
// Clients may send large and deep values; these limits keep log lines short.
const MAX_DEPTH = 8
const MAX_ENTRIES = 100
const MAX_TEXT = 1_000

/** Default filter: values whose key contains one of these words are not logged. */
export const defaultFilter: readonly string[] = Object.freeze(['password', 'token', 'secret'])

/** Rule that checks the option `filterParameters`. */
export const filterRule = list(nonEmptyString)

/** Copy parameters for the log, without values whose key contains one of `words`, ignoring case. */
export function filterParameters(parameters: unknown, words: readonly string[]): unknown {
  return new Filter(words.map((word) => word.toLowerCase())).copy(parameters, MAX_DEPTH)
}

class Filter {
  readonly #words: readonly string[]
  #entriesLeft: number

  constructor(words: readonly string[]) {
    this.#words = words
    this.#entriesLeft = MAX_ENTRIES
  }

  copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return value.length <= MAX_TEXT ? value : `${value.slice(0, MAX_TEXT)}…`
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Uint8Array) return `[${value.length} bytes]`
    if (depth === 0) return '…'
    return Array.isArray(value) ? this.#copyArray(value, depth) : this.#copyObject(value, depth)
  }

  #copyArray(items: readonly unknown[], depth: number): unknown[] {
    const copies: unknown[] = []
    for (const item of items) {
      if (this.#entriesLeft-- <= 0) return [...copies, '…']
      copies.push(this.copy(item, depth - 1))
    }
    return copies
  }

  #copyObject(object: object, depth: number): object {
    // Create the copy without a prototype, so that `__proto__` is an ordinary key.
    const copy: Record<string, unknown> = Object.create(null)
    for (const [key, value] of Object.entries(object)) {
      if (this.#entriesLeft-- <= 0) {
        copy['…'] = '…'
        break
      }
      copy[this.copy(key, depth) as string] = this.#isSecret(key) ? FILTERED : this.copy(value, depth - 1)
    }
    return copy
  }

  #isSecret(key: string): boolean {
    const lower = key.toLowerCase()
    return this.#words.some((word) => lower.includes(word))
  }
}
