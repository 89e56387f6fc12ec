import fastify from 'fastify'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { type AppOptions, buildApp } from '../../server/app/app.ts'
import { dashboard } from '../../server/dashboard/index.ts'
import type { Endpoint } from '../../server/index.ts'
import { buildDashboard } from './build-page.ts'
import { launchChromium } from './chromium.ts'

export const DASHBOARD_TOKEN = 'the-token-of-the-dashboard'

/** Getting a browser may mean to install one. */
const SETUP_TIMEOUT_MS = 600_000

/** The dashboard for the tests of a file: one build of its page and one browser for all, a server for each. */
export function useDashboard() {
  let browser: Browser
  let built: Awaited<ReturnType<typeof buildDashboard>>

  beforeAll(async () => {
    built = await buildDashboard()
    browser = await launchChromium()
  }, SETUP_TIMEOUT_MS)

  afterAll(async () => {
    await browser?.close()
    await built?.remove()
  })

  /** The page in a window of its own, before the form with the token. */
  async function openForm(url: string, options: BrowserContextOptions = {}) {
    const context = await browser.newContext({ locale: 'en-GB', ...options })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() !== 'log') complaints.push(message.text())
    })
    await page.goto(`${url}/dashboard`)
    return { page, complaints, ...parts(page) }
  }

  return {
    async serve({ port = 0, ...options }: AppOptions & { readonly port?: number } = {}) {
      const { app, supervisor } = await buildApp({
        notifyEveryMs: 0,
        logLevel: 'silent',
        dashboardRoot: built.dashboardRoot,
        dashboardToken: DASHBOARD_TOKEN,
        ...options,
      })
      onTestFinished(() => app.close())
      const url = await app.listen({ port, host: '127.0.0.1' })
      return { app, supervisor, url, port: Number(new URL(url).port), stop: () => app.close() }
    },
    /** The dashboard of an endpoint on a second server, which its clients do not reach. */
    async serveApart(endpoint: Endpoint): Promise<string> {
      const operator = fastify()
      onTestFinished(() => operator.close())
      await operator.register(dashboard, { endpoint, token: DASHBOARD_TOKEN, root: built.dashboardRoot })
      return operator.listen({ port: 0, host: '127.0.0.1' })
    },
    openForm,
    /** The page with figures on it. */
    async open(url: string, options?: BrowserContextOptions) {
      const window = await openForm(url, options)
      await window.enter(DASHBOARD_TOKEN)
      await window.figure(/^Memory: resident \d/).waitFor()
      return window
    },
  }
}

function parts(page: Page) {
  return {
    /** A plot, by what it says in words. */
    figure: (label: RegExp) => page.getByRole('figure', { name: label }),
    /** The line of a table, by the name at its beginning. */
    row: (name: string) =>
      page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) }),
    async enter(token: string): Promise<void> {
      await page.getByLabel('Token').fill(token)
      await page.getByLabel('Token').press('Enter')
    },
  }
}
