/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>

/**
 * Whether a callback's result is a promise, or another object with a `then`. Wait for it by `await` or `adopt`, never
 * by its own `then`, which may throw, call back twice, or call back at once. Throws if the getter of `then` throws.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Convert to a native promise, which settles only once. */
export async function adopt<T>(promise: PromiseLike<T>): Promise<T> {
  return await promise
}

/** Ignore a value. If it is a promise, its rejection must not end the process. */
export function disown(value: unknown): void {
  try {
    if (isPromise(value)) adopt(value).catch(ignore)
  } catch {
    // Not a promise: its `then` cannot be read.
  }
}

/** Does nothing. Handler of rejections that other code handles. */
export function ignore(): void {}
