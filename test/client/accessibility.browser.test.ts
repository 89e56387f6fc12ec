import type { BrowserContextOptions } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { violationsOf } from '../helpers/axe.ts'
import { useChat } from '../helpers/chat-page.ts'
import { AUTH_SECRET } from '../helpers/tokens.ts'

const { serve, open, browser } = useChat()

// Contrast depends on the colours alone, layout on the size alone: each value once is enough.
const looks: [name: string, options: BrowserContextOptions][] = [
  ['light', { colorScheme: 'light' }],
  ['dark, on a phone', { viewport: { width: 360, height: 640 }, colorScheme: 'dark' }],
]

describe.each(looks)('%s', (_look, options) => {
  test('the chat violates no rule of axe and no part of its content security policy', async () => {
    const { url, stop } = await serve({ notifyEveryMs: 100 })
    const { page, complaints, say, said, rename } = await open(url, { ...options, room: 'global' })
    await said(/Background ping/).waitFor()
    expect(await violationsOf(page)).toEqual({})

    if (await page.getByLabel('Your name').isHidden()) {
      await page.getByRole('button', { name: /^People/ }).click()
    }
    await rename('Ann')
    await page.getByRole('complementary').getByText('Ann').first().waitFor()
    expect(await violationsOf(page)).toEqual({})

    await page.keyboard.press('Escape')
    await say('Hello')
    await said('Hello', 'You').waitFor()
    await page.getByLabel('Join another room').fill('a,b')
    await page.getByLabel('Join another room').press('Enter')
    expect(await violationsOf(page)).toEqual({})
    expect(complaints).toEqual([])

    await stop()
    await page.getByText('Connection lost').waitFor()
    await say('Is anybody there?')
    await page.getByText('Waiting to be sent').waitFor()
    expect(await violationsOf(page)).toEqual({})
  })

  test('a message that is being sent, or may be lost, violates no rule of axe', async () => {
    const { url, stop } = await serve()
    const { page, say } = await open(url, options)
    // From now on the server is not heard.
    let isDeaf = false
    await page.routeWebSocket(/socket/, (socket) => {
      const server = socket.connectToServer()
      server.onMessage((frame) => !isDeaf && socket.send(frame))
    })
    await page.reload()
    await page.getByText('Joining…').waitFor({ state: 'detached' })
    isDeaf = true

    await say('Hello')

    await page.getByText('Sending…').waitFor()
    expect(await violationsOf(page)).toEqual({})

    await stop()
    await page.getByText('Not confirmed', { exact: true }).waitFor()
    expect(await violationsOf(page)).toEqual({})
  })

  test('the page of a signed-out user violates no rule of axe', async () => {
    const { url } = await serve({ authSecret: AUTH_SECRET, devLogin: true })
    const context = await browser().newContext(options)
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(url)
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
    expect(await violationsOf(page)).toEqual({})
  })

  test('/docs violates no rule of axe and no part of its content security policy', async () => {
    const { url } = await serve({ apiToken: 'a-token-of-the-tests' })
    const context = await browser().newContext(options)
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('requestfailed', (request) => complaints.push(request.url()))

    const response = await page.goto(`${url}/docs`)

    expect(response?.status()).toBe(200)
    await page.getByText('POST /api/rooms/{room}/messages').waitFor()
    await page.getByRole('heading', { name: 'room:{subtopic}' }).waitFor()
    expect(await violationsOf(page)).toEqual({})
    expect(await page.evaluate('document.documentElement.scrollWidth > innerWidth')).toBe(false)
    expect(complaints).toEqual([])
    if (process.env['SHOT'])
      await page.screenshot({ path: `${process.env['SHOT']}-${_look}.png`, fullPage: true })
  })
})
