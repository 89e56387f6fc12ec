import type { Rule } from './check.ts'
import { MADE, madeWith, shown } from './shown.ts'

// `defineSocket` and similar functions mark their results with two properties. Both contain the function's name. The
// key `OWN` is a different symbol in each loaded copy of the package, so results of other copies are refused. The key
// `MADE` is the same symbol in all copies, so that error messages can name the function.
const OWN = Symbol('fastify-phoenix')

/** Mark a definition as the result of the function `maker`, such as `defineSocket`, and freeze the definition. */
export function markMade<T extends object>(maker: string, definition: T): T {
  for (const mark of [OWN, MADE]) Object.defineProperty(definition, mark, { value: maker })
  return Object.freeze(definition)
}

/** Returns true for a result of `defineSocket` or a similar function, from this or another copy of the package. */
export function isMade(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && madeWith(value) !== null
  } catch {
    // The value cannot be read. Return false, because `checkOption` reports such a value later.
    return false
  }
}

/**
 * Rule that accepts only results of one function of this copy of the package. `maker` is the function's name, such as
 * `defineSocket`. `hint` describes an invalid value for the error message; null means the default description.
 */
export function madeBy(maker: string, hint: (value: object) => string | null = () => null): Rule {
  return (value) => {
    const given = typeof value === 'object' && value !== null ? value : {}
    if (Reflect.get(given, OWN) === maker) return null
    const words = madeWith(given) === maker ? OTHER_COPY : (hint(given) ?? shown(value))
    return { path: '', words: `must be the result of ${maker} (got ${words})` }
  }
}

const OTHER_COPY =
  'a result from another copy of fastify-phoenix; `npm ls fastify-phoenix` must list one copy only'
