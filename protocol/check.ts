import { UsageError } from './errors.ts'
import { nearest } from './nearest.ts'
import { isClass, isPlainObject, shown } from './shown.ts'

// Definitions, options and arguments are checked by rules, where they are given. A rule tests one value; rules
// are put together as the value is, so that an error names the place, e.g. `websocket.timeout`. A table of rules
// has one for every key of its type: a key that is added to the type and not to the table does not compile.

/** The place of an illegal value, '' for the value itself, and what it must be. */
export type Fault = { readonly path: string; readonly words: string }

/** Tests one value; null if it is legal. */
export type Rule = (value: unknown) => Fault | null

/** A rule for every key that `T` may have. */
export type Rules<T> = { readonly [K in keyof T]-?: Rule }

/** Words for keys that are not known but often given. */
type Hints = Readonly<Record<string, string>>

/** Check an option or an argument of `owner`. @throws UsageError with `PHX_ERR_OPTION`. */
export function checkOption(owner: string, value: unknown, rule: Rule): void {
  check({ code: 'PHX_ERR_OPTION', owner, rule }, value)
}

/** Check what something is defined with. @throws UsageError with `PHX_ERR_DEFINITION`. */
export function checkDefinition(owner: string, value: unknown, rule: Rule): void {
  check({ code: 'PHX_ERR_DEFINITION', owner, rule }, value)
}

/** A checked value: the code of the error, the words for the value, and the rule. */
type Subject = { readonly code: UsageError['code']; readonly owner: string; readonly rule: Rule }

/** Check a value by a rule. @throws UsageError with the code of the subject. */
export function check({ code, owner, rule }: Subject, value: unknown): void {
  let fault: Fault | null
  try {
    fault = rule(value)
  } catch (cause) {
    // A proxy, a getter that throws, or an object that contains itself.
    throw new UsageError(code, `${owner} cannot be read`, { cause })
  }
  if (fault === null) return
  const { path, words } = fault
  throw new UsageError(code, path === '' ? `${owner} ${words}` : `${owner}: \`${path}\` ${words}`)
}

/** A rule in words: the value must be `legal`. */
export function rule(legal: string, accepts: (value: unknown) => boolean): Rule {
  return (value) => (accepts(value) ? null : faultOf(legal, value))
}

/** The fault of a value that must be something else. */
export function faultOf(legal: string, value: unknown): Fault {
  return { path: '', words: `must be ${legal} (got ${shown(value)})` }
}

export const string: Rule = rule('a string', (value) => typeof value === 'string')
export const nonEmptyString: Rule = rule(
  'a non-empty string',
  (value) => typeof value === 'string' && value !== '',
)
export const boolean: Rule = rule('true or false', (value) => typeof value === 'boolean')
export const positiveInteger: Rule = rule(
  'a positive integer',
  (value) => Number.isInteger(value) && Number(value) > 0,
)
/** Infinity is one. */
export const nonNegative: Rule = rule(
  'a number of at least 0',
  (value) => typeof value === 'number' && value >= 0,
)
/** A function that can be called, as a class cannot. */
export const callback: Rule = rule('a function', (value) => typeof value === 'function' && !isClass(value))
export const anything: Rule = () => null

/** One of some values, which are listed. */
export function oneOf(...values: readonly unknown[]): Rule {
  const listed = values.map(shown)
  const last = listed.pop()
  return rule(listed.length === 0 ? `${last}` : `${listed.join(', ')} or ${last}`, (value) =>
    values.includes(value),
  )
}

/** One of some values instead of an object of options. */
export function oneOfOr(values: readonly unknown[], options: Rule): Rule {
  return (value) => {
    if (values.includes(value)) return null
    return isPlainObject(value) ? options(value) : faultOf(`${values.join(', ')} or an object`, value)
  }
}

/** An object with known keys; those that are not `required` may be undefined. */
export function object<T>(rules: Rules<T>, required: readonly (keyof T)[] = [], hints: Hints = {}): Rule {
  const entries = Object.entries<Rule>(rules)
  return (value) => {
    if (!isPlainObject(value)) return faultOf('an object', value)
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(rules, key)) return { path: '', words: unknownKey(key, Object.keys(rules), hints) }
    }
    for (const [key, test] of entries) {
      const field = value[key]
      if (field === undefined && !required.includes(key as keyof T)) continue
      const fault = test(field)
      if (fault !== null) return within(key, fault)
    }
    return null
  }
}

/** An object with keys of the application's choice; undefined counts as absent. */
export function record(values: Rule, keys: Rule = anything): Rule {
  return (value) => {
    if (!isPlainObject(value)) return faultOf('an object', value)
    for (const [key, field] of Object.entries(value)) {
      const fault = keys(key) ?? (field === undefined ? null : values(field))
      if (fault !== null) return within(key, fault)
    }
    return null
  }
}

/** Options laid over their defaults; undefined counts as absent. */
export function withDefaults<T extends object>(defaults: T, given: { readonly [K in keyof T]?: unknown }): T {
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
  // The rules have checked the values.
  return { ...defaults, ...Object.fromEntries(chosen) } as T
}

/** An array. */
export function list(items: Rule): Rule {
  return (value) => {
    if (!Array.isArray(value)) return faultOf('an array', value)
    for (const [index, item] of value.entries()) {
      const fault = items(item)
      if (fault !== null) return within(`[${index}]`, fault)
    }
    return null
  }
}

/** `contract "room:*"`: the thing that an error is about, by its name if it has one. */
export function named(what: string, value: unknown, key: string): string {
  try {
    const name: unknown = Object(value)[key]
    return typeof name === 'string' ? `${what} "${name}"` : what
  } catch {
    return what
  }
}

/** The words for a key that is not known: the nearest one that is, and all of them. */
export function unknownKey(key: string, known: readonly string[], hints: Hints = {}): string {
  const similar = nearest(key, known)
  const suggestion = similar === null ? '' : ` (did you mean "${similar}"?)`
  const hint = Object.hasOwn(hints, key) ? ` (${hints[key]})` : suggestion
  return `has an unknown key "${key}"${hint}. Valid keys: ${known.join(', ') || 'none'}`
}

function within(key: string, { path, words }: Fault): Fault {
  if (path === '') return { path: key, words }
  return { path: path.startsWith('[') ? `${key}${path}` : `${key}.${path}`, words }
}
