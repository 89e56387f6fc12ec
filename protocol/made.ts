import type { Rule } from './check.ts'
import { MADE, madeWith, shown } from './shown.ts'

// What a define function returns has two marks. One is of this copy of the package: another copy's classes and
// private fields are not ours, so its definitions cannot be used here. The other one tells how it was made.
const OWN = Symbol('fastify-phoenix')

/** Mark a definition as made by a function, and freeze it. */
export function markMade<T extends object>(maker: string, definition: T): T {
  for (const mark of [OWN, MADE]) Object.defineProperty(definition, mark, { value: maker })
  return Object.freeze(definition)
}

/** Whether a define function of any copy of the package returned this value. */
export function isMade(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && madeWith(value) !== null
  } catch {
    // A value that cannot be read is refused by its rule.
    return false
  }
}

/** A definition that the function of this copy made; `hint` gives words for what is given instead. */
export function madeBy(maker: string, hint: (value: object) => string | null = () => null): Rule {
  return (value) => {
    const given = typeof value === 'object' && value !== null ? value : {}
    if (Reflect.get(given, OWN) === maker) return null
    const words = madeWith(given) === maker ? OTHER_COPY : (hint(given) ?? shown(value))
    return { path: '', words: `must be the result of ${maker} (got ${words})` }
  }
}

const OTHER_COPY =
  'one of another copy of fastify-phoenix; `npm ls fastify-phoenix` lists the copies, of which only one may stay'
