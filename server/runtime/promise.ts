/** A value, or a promise of this value. */
export type Awaitable<T> = T | Promise<T>

/**
 * Returns true if a callback's result is a promise or another object with a `then` method. Callers must wait for the
 * result with `await` or `adopt`, because `then` itself may throw, call back synchronously, or call back twice. Throws
 * if `then` is a getter that throws.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Convert to a native promise, which settles only once. */
export async function adopt<T>(promise: PromiseLike<T>): Promise<T> {
  return await promise
}

/** Ignore a value. If the value is a promise that rejects, the rejection does not end the process. */
export function disown(value: unknown): void {
  try {
    if (isPromise(value)) adopt(value).catch(ignore)
  } catch {
    // The property `then` cannot be read, so the value is not a promise.
  }
}

/** Do nothing. Used where a callback is required, but there is nothing to do. */
export function ignore(): void {}
