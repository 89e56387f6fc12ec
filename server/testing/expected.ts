import { inspect, isDeepStrictEqual } from 'node:util'
import { isPlainObject } from '../../protocol/shown.ts'
import { wordsOf } from '../errors.ts'

/** Type of a value in which keys may be omitted, at any depth. */
export type Partly<T> = T extends Uint8Array
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Partly<T[K]> }
    : T
/** Value that a test expects, as opposed to a predicate. */
export type ExpectedValue<T> = unknown extends T ? object | string | number | boolean | null : Partly<T>

/**
 * Payload that a test expects. Keys that an object omits, at any depth, are not compared. A key that is `undefined` in
 * an object must be absent from the payload. Arrays must have the same length. A function is a predicate.
 * `exactly(value)` allows only the keys of `value`. Asymmetric matchers such as `expect.any(String)` may replace any
 * part of a value.
 */
export type Expected<T> = Exactly | ((value: T) => boolean) | ExpectedValue<T>

/** Expected value that the actual value must deeply equal; see {@link exactly}. */
export class Exactly {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

/** Expect a value that is deeply equal to `value`, with no additional keys. */
export function exactly(value: unknown): Exactly {
  return new Exactly(value)
}

/**
 * Describe the first difference between the expected and the actual value; null if there is no difference. A predicate
 * or matcher that throws is a difference.
 */
export function difference(expected: unknown, actual: unknown, path = ''): string | null {
  const at = path === '' ? '' : `${path}: `
  if (typeof expected === 'function') {
    const result = attempt(() => expected(actual))
    if ('thrown' in result) return `${at}the predicate threw ${result.thrown}`
    return result.value ? null : `${at}the predicate returned ${show(result.value)}`
  }
  const differs = `${at}expected ${show(expected)}, got ${show(actual)}`
  if (expected instanceof Exactly) return isDeepStrictEqual(expected.value, actual) ? null : differs
  if (isAsymmetric(expected)) {
    const result = attempt(() => expected.asymmetricMatch(actual))
    if ('thrown' in result) return `${differs}; the matcher threw ${result.thrown}`
    return result.value ? null : differs
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return differs
    return firstOf(expected.map((item, index) => difference(item, actual[index], `${path}[${index}]`)))
  }
  if (!isPlainObject(expected)) return isDeepStrictEqual(expected, actual) ? null : differs
  if (typeof actual !== 'object' || actual === null) return differs
  const keys = Object.keys(expected)
  return firstOf(
    keys.map((key) =>
      difference(expected[key], Reflect.get(actual, key), path === '' ? key : `${path}.${key}`),
    ),
  )
}

type Attempt = { readonly value: unknown } | { readonly thrown: string }

/** Call a function of the test. An error of the test must not reach the server or the client under test. */
function attempt(call: () => unknown): Attempt {
  try {
    return { value: call() }
  } catch (error) {
    return { thrown: error instanceof Error ? `${error.name}: ${error.message}` : show(error) }
  }
}

function firstOf(differences: readonly (string | null)[]): string | null {
  return differences.find((one) => one !== null) ?? null
}

type Asymmetric = { asymmetricMatch(actual: unknown): boolean; toAsymmetricMatcher?(): string }
function isAsymmetric(value: unknown): value is Asymmetric {
  return typeof Object(value).asymmetricMatch === 'function'
}

/** Maximum depth to which nested values are shown. */
const DEPTH = 6

/** Format a value on one line, like Node's `inspect`. Never throws. */
export function show(value: unknown): string {
  const options = { depth: DEPTH, compact: true, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 }
  try {
    return typeof value === 'function' ? `(predicate) ${value}` : inspect(readable(value, DEPTH), options)
  } catch {
    return wordsOf(value)
  }
}

/** Replace matchers in a value with words such as `Any<String>`. */
function readable(value: unknown, depth: number): unknown {
  if (depth === 0) return value
  if (value instanceof Exactly) return { [inspect.custom]: () => `exactly ${show(value.value)}` }
  if (isAsymmetric(value)) {
    const name = value.toAsymmetricMatcher?.() ?? String(value)
    return { [inspect.custom]: () => name }
  }
  if (Array.isArray(value)) return value.map((item) => readable(item, depth - 1))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, readable(field, depth - 1)]))
}
