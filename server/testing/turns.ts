// Bindings of the module, which fake timers do not replace: they change the globals.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'

/** One turn of the event loop, also where timers are fake. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Call back after so many real milliseconds, also where timers are fake; returns a function that cancels. */
export function afterRealMs(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms)
  return () => clearTimeout(timer)
}
