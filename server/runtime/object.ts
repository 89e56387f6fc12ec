/** Whether a value is an object that has properties: arrays count, null does not. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
