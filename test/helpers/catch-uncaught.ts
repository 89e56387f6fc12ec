import { onTestFinished } from 'vitest'

/** Uncaught exceptions of this process from now on until the end of the test, instead of a failure of the test. */
export function catchUncaught(): unknown[] {
  const errors: unknown[] = []
  const caught = (error: unknown) => void errors.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', caught)
  onTestFinished(() => {
    process.removeListener('uncaughtException', caught)
    for (const listener of others) process.on('uncaughtException', listener)
  })
  return errors
}
