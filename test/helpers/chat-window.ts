import { randomUUID } from 'node:crypto'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { authSecret, signedIn } from './tokens.ts'

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
  const { token } = signedIn({ client: randomUUID() })
  // As if the user had signed in before, and `#token=` had been taken.
  if (token !== undefined) {
    const content = `localStorage.setItem('fastify-phoenix.token', '${token}')`
    await context.addInitScript({ content })
  }
  return openTab(context, url, room)
}

/** Open another tab in the browser of a window; it is in the room when this settles. */
export async function openTab(context: BrowserContext, url: string, room = 'lobby'): Promise<ChatWindow> {
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
    /** The lines with this text, by anybody or by one; guests are someone, users without a name somebody. */
    said(text: string | RegExp, who?: string) {
      const lines = page.getByRole('log').getByRole('listitem').filter({ hasText: text })
      const name = who === 'Someone' && authSecret !== null ? 'Somebody' : who
      return name === undefined ? lines : lines.filter({ has: page.getByText(name, { exact: true }) })
    },
    /** People in the room, as the page lists them. */
    people: () => page.getByRole('complementary').getByRole('listitem').allTextContents().then(trimmed),
    /** Take a name. */
    async rename(name: string): Promise<void> {
      await page.getByLabel('Your name').fill(name)
      await page.getByLabel('Your name').press('Enter')
    },
    heading: (name: string) => page.getByRole('heading', { name, exact: true, level: 2 }),
    async say(text: string): Promise<void> {
      await box.fill(text)
      await box.press('Enter')
    },
  }
}

function trimmed(texts: string[]): string[] {
  return texts.map((text) => text.replace(/\s+/g, ' ').trim())
}
