// Import the timers by name. Fake timers replace the global functions, and the properties of the module `node:timers`,
// but not named imports.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'

/** Wait one turn of the event loop, even with fake timers. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Call `callback` after `ms` real milliseconds, even with fake timers. Returns a function that cancels the call. */
export function afterRealMs(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms)
  return () => clearTimeout(timer)
}
