/**
 * Key of the property that marks a definition. The property's value is the name of the function that created the
 * definition, such as `defineSocket`. All copies of the package use the same key.
 */
export const MADE = Symbol.for('fastify-phoenix.made')
const MAX_LENGTH = 60

/** Short description of a value for an error message. @throws when the value cannot be read. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > MAX_LENGTH ? `${value.slice(0, MAX_LENGTH)}…` : value)
  }
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'function') return isClass(value) ? `the class ${value.name}`.trimEnd() : 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return shownObject(value)
}

function shownObject(value: object): string {
  const maker = madeWith(value)
  if (maker !== null) return `the result of ${maker}`
  if (Array.isArray(value)) return 'an array'
  if (isPlainObject(value)) {
    const keys = Object.keys(value)
    return keys.length === 0
      ? 'an empty object'
      : `an object with ${keys
          .slice(0, 5)
          .map((key) => `"${key}"`)
          .join(', ')}`
  }
  const { name } = Object(value.constructor)
  if (name === 'Object') return 'an object that inherits from another object'
  return typeof name === 'string' && name !== '' ? `an object of the class ${name}` : 'an object'
}

/** Name of the function that created a definition, such as `defineSocket`; null if the value is not a definition. */
export function madeWith(value: object): string | null {
  const maker: unknown = Reflect.get(value, MADE)
  return typeof maker === 'string' ? maker : null
}

/** Whether a value is an object literal, possibly of another realm or without a prototype. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** Whether a value is a class, which can only be called with `new`. */
export function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))
}
