import { onTestFinished } from 'vitest'
import { type AppOptions, buildApp } from '../../server/app/app.ts'

/** The chat until the end of the test, silent and without background messages. */
export async function openApp(options: AppOptions = {}) {
  const built = await buildApp({ notifyEveryMs: 0, logLevel: 'silent', ...options })
  onTestFinished(() => built.app.close())
  return built
}
