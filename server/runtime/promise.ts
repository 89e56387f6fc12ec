/**
 * Whether a callback's result has a `then`. To wait for one use `await` or `adopt`, never its own `then`,
 * which may throw, call back twice, or at once. @throws what a getter of the application throws.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** A native promise of the same outcome; the first call back counts. */
export async function adopt<T>(promise: PromiseLike<T>): Promise<T> {
  return await promise
}

/** Drop a value that should not have been a promise: its rejection, if it is one, must not end the process. */
export function disown(value: unknown): void {
  try {
    if (isPromise(value)) adopt(value).catch(ignore)
  } catch {
    // A `then` that cannot be read belongs to no promise.
  }
}

function ignore(): void {}
