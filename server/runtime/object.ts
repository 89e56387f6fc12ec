/** Returns true for objects, including arrays, but not for null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** JSON reviver that freezes all values. */
export function freeze(_key: string, value: unknown): unknown {
  return Object.freeze(value)
}
