import { UsageError } from './errors.ts'
import { nearest } from './nearest.ts'
import { isClass, isPlainObject, shown } from './shown.ts'

// Rules check the definitions, options and arguments that an application passes. A rule tests one value. Rules nest in
// the same way as the values that they test, so that an error can name the path of the invalid value, e.g.
// `websocket.timeout`. If a table of rules (`Rules<T>`) lacks a rule for a key of `T`, the table does not compile.

/** Path of an invalid value ('' for the outermost value), and words that say what the value must be. */
export type Fault = { readonly path: string; readonly words: string }

/** Function that tests one value. Returns null if the value is valid, otherwise the fault. */
export type Rule = (value: unknown) => Fault | null

/** Rules for the properties of `T`. Each property has its own rule. */
export type Rules<T> = { readonly [K in keyof T]-?: Rule }

/** Hints for error messages, by invalid key. Only common mistakes have a hint. */
type Hints = Readonly<Record<string, string>>

/** Check options or an argument. The error message begins with `owner`. @throws UsageError with `PHX_ERR_OPTION`. */
export function checkOption(owner: string, value: unknown, rule: Rule): void {
  check({ code: 'PHX_ERR_OPTION', owner, rule }, value)
}

/** Check a definition. The error message begins with `owner`. @throws UsageError with `PHX_ERR_DEFINITION`. */
export function checkDefinition(owner: string, value: unknown, rule: Rule): void {
  check({ code: 'PHX_ERR_DEFINITION', owner, rule }, value)
}

/** Parameters of a check. In the error message, `owner` is the name of the checked value. */
type Subject = { readonly code: UsageError['code']; readonly owner: string; readonly rule: Rule }

/** Check a value with a rule. @throws UsageError with the given code. */
export function check({ code, owner, rule }: Subject, value: unknown): void {
  let fault: Fault | null
  try {
    fault = rule(value)
  } catch (cause) {
    // The value contains itself, has a getter that throws, or is a proxy that throws.
    throw new UsageError(code, `${owner}: a value cannot be read`, { cause })
  }
  if (fault === null) return
  const { path, words } = fault
  throw new UsageError(code, path === '' ? `${owner} ${words}` : `${owner}: \`${path}\` ${words}`)
}

/** Create a rule. `legal` completes the sentence "the value must be …". */
export function rule(legal: string, accepts: (value: unknown) => boolean): Rule {
  return (value) => (accepts(value) ? null : faultOf(legal, value))
}

/** Create the fault of a value. `legal` completes the sentence "the value must be …". */
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
/** Accepts Infinity too. */
export const nonNegative: Rule = rule(
  'a number of at least 0',
  (value) => typeof value === 'number' && value >= 0,
)
/** Accepts functions but not classes, which cannot be called. */
export const callback: Rule = rule('a function', (value) => typeof value === 'function' && !isClass(value))
export const anything: Rule = () => null

/** Rule that accepts only the listed values. */
export function oneOf(...values: readonly unknown[]): Rule {
  const listed = values.map(shown)
  const last = listed.pop()
  return rule(listed.length === 0 ? `${last}` : `${listed.join(', ')} or ${last}`, (value) =>
    values.includes(value),
  )
}

/** Rule that accepts the listed values, and objects that `options` accepts. */
export function oneOfOr(values: readonly unknown[], options: Rule): Rule {
  return (value) => {
    if (values.includes(value)) return null
    return isPlainObject(value) ? options(value) : faultOf(`${values.join(', ')} or a plain object`, value)
  }
}

/** Rule for an object with known keys. Keys that are not `required` can be absent or undefined. */
export function object<T>(rules: Rules<T>, required: readonly (keyof T)[] = [], hints: Hints = {}): Rule {
  const entries = Object.entries<Rule>(rules)
  return (value) => {
    if (!isPlainObject(value)) return faultOf('a plain object', value)
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(rules, key)) return { path: '', words: unknownKey(key, Object.keys(rules), hints) }
    }
    for (const [key, test] of entries) {
      const field = value[key]
      if (field === undefined && !required.includes(key as keyof T)) continue
      const fault = test(field)
      if (fault !== null) return faultAt(key, fault)
    }
    return null
  }
}

/** Rule for an object with arbitrary keys. Undefined values count as absent. */
export function record(values: Rule, keys: Rule = anything): Rule {
  return (value) => {
    if (!isPlainObject(value)) return faultOf('a plain object', value)
    for (const [key, field] of Object.entries(value)) {
      const keyFault = keys(key)
      if (keyFault !== null) return { path: '', words: `has an invalid key: a key ${keyFault.words}` }
      const fault = field === undefined ? null : values(field)
      if (fault !== null) return faultAt(key, fault)
    }
    return null
  }
}

/** Merge options into their defaults. Undefined values count as absent. */
export function withDefaults<T extends object>(defaults: T, given: { readonly [K in keyof T]?: unknown }): T {
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
  // The cast is safe: the rules have checked the values.
  return { ...defaults, ...Object.fromEntries(chosen) } as T
}

/** Rule for an array. */
export function list(items: Rule): Rule {
  return (value) => {
    if (!Array.isArray(value)) return faultOf('an array', value)
    for (const [index, item] of value.entries()) {
      const fault = items(item)
      if (fault !== null) return faultAt(`[${index}]`, fault)
    }
    return null
  }
}

/**
 * Return the name of a value for an error message, such as `contract "room:*"`. The text in quotes is `value[key]`. If
 * `value[key]` is not a string, the name is only `what`.
 */
export function named(what: string, value: unknown, key: string): string {
  try {
    const name: unknown = Object(value)[key]
    return typeof name === 'string' ? `${what} "${name}"` : what
  } catch {
    return what
  }
}

/** Message for an unknown key, with a hint or the most similar valid key, and a list of all valid keys. */
export function unknownKey(key: string, known: readonly string[], hints: Hints = {}): string {
  const similar = nearest(key, known)
  const suggestion = similar === null ? '' : ` (did you mean "${similar}"?)`
  const hint = Object.hasOwn(hints, key) ? ` (${hints[key]})` : suggestion
  return `has an unknown key "${key}"${hint}. Valid keys: ${known.join(', ') || 'none'}`
}

function faultAt(key: string, { path, words }: Fault): Fault {
  if (path === '') return { path: key, words }
  return { path: path.startsWith('[') ? `${key}${path}` : `${key}.${path}`, words }
}
