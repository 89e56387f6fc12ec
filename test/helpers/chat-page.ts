import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { type AppOptions, buildApp } from '../../server/app/app.ts'
import { buildPage } from './build-page.ts'
import { openChat } from './chat-window.ts'
import { launchChromium } from './chromium.ts'
import { authSecret } from './tokens.ts'

/** Getting a browser may mean to install one. */
const SETUP_TIMEOUT_MS = 600_000

/** The chat for the tests of a file: one build of the page and one browser for all, a server for each. */
export function useChat() {
  let browser: Browser
  let built: Awaited<ReturnType<typeof buildPage>>

  beforeAll(async () => {
    built = await buildPage()
    browser = await launchChromium()
  }, SETUP_TIMEOUT_MS)

  afterAll(async () => {
    await browser?.close()
    await built?.remove()
  })

  return {
    browser: () => browser,
    async serve({ port = 0, notifyEveryMs = 0, ...options }: AppOptions = {}) {
      const { pageRoot } = built
      const { app } = await buildApp({ notifyEveryMs, logLevel: 'silent', pageRoot, authSecret, ...options })
      onTestFinished(() => app.close())
      const url = await app.listen({ port, host: '127.0.0.1' })
      return { url, port: Number(new URL(url).port), stop: () => app.close() }
    },
    open: (url: string, options?: Parameters<typeof openChat>[2]) => openChat(browser, url, options),
  }
}
