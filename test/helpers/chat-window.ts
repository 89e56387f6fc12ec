import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

/** A browser window with the page in it. */
export type ChatWindow = ReturnType<typeof parts> & {
  readonly page: Page
  /** Everything the browser has complained about, breaches of the content security policy included. */
  readonly complaints: readonly string[]
}

/** Open a window of its own; it is in the room when this settles. */
export async function openChat(
  browser: Browser,
  url: string,
  { room = 'lobby', ...options }: BrowserContextOptions & { room?: string } = {},
): Promise<ChatWindow> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() !== 'log') complaints.push(message.text())
  })
  await page.goto(`${url}/#${encodeURIComponent(room)}`)
  await page.getByRole('status').getByText('Connected').waitFor()
  await page.getByText('Joining…').waitFor({ state: 'detached' })
  return { page, complaints, ...parts(page) }
}

function parts(page: Page) {
  const box = page.getByLabel('Message', { exact: true })
  return {
    box,
    /** The lines with this text, by anybody or by one. */
    said(text: string | RegExp, who?: 'You' | 'Guest') {
      const lines = page.getByRole('log').getByRole('listitem').filter({ hasText: text })
      return who === undefined ? lines : lines.filter({ has: page.getByText(who, { exact: true }) })
    },
    heading: (name: string) => page.getByRole('heading', { name, exact: true, level: 2 }),
    async say(text: string): Promise<void> {
      await box.fill(text)
      await box.press('Enter')
    },
  }
}
