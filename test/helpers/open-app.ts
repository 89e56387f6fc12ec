import type { FastifyInstance, InjectOptions } from 'fastify'
import { onTestFinished } from 'vitest'
import { type AppOptions, buildApp } from '../../server/app/app.ts'
import { authSecret, bearer } from './tokens.ts'

/** The chat until the end of the test, silent and without background messages; in the project `auth` with auth. */
export async function openApp(options: AppOptions = {}) {
  const built = await buildApp({ notifyEveryMs: 0, logLevel: 'silent', authSecret, ...options })
  onTestFinished(() => built.app.close())
  if (authSecret !== null) signIn(built.app)
  return built
}

/** Have injected requests that show no token show that of somebody. */
function signIn(app: FastifyInstance): void {
  const { inject } = app
  const ask = (options: InjectOptions | string) => {
    const given = typeof options === 'string' ? { url: options } : options
    return Reflect.apply(inject, app, [{ ...given, headers: { ...bearer(), ...given.headers } }])
  }
  // The tests use only the two overloads that `ask` accepts.
  app.inject = ask as FastifyInstance['inject']
}
