import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'

const { serve, open } = useChat()

test('messages with markup are shown as text, and the browser reports no violation', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([open(url), open(url)])
  const messages = [
    '<script>globalThis.hacked = true</script>',
    '<img src=x onerror="globalThis.hacked = true">',
    '"><svg onload="globalThis.hacked = true">',
  ]

  for (const message of messages) {
    await ann.say(message)
    for (const { said } of [ann, bob]) {
      expect(await said(message).locator('.text').textContent()).toBe(message)
    }
  }

  for (const { page, complaints } of [ann, bob]) {
    expect(await page.evaluate('globalThis.hacked')).toBeUndefined()
    expect(complaints).toEqual([])
  }
})

test('a room whose name is markup is shown as text', async () => {
  const { url } = await serve()
  const name = '<img src=x onerror=hacked()>'
  const { page, heading, complaints } = await open(url, { room: name })

  await heading(name).waitFor()
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).waitFor()
  expect(complaints).toEqual([])
})

test('everything can be used with the keyboard, in the order of the page', async () => {
  const { url } = await serve()
  const { page, heading, said, complaints } = await open(url)
  await page.getByRole('link', { name: 'lobby' }).waitFor()
  const tab = async () => {
    await page.keyboard.press('Tab')
    return page
      .locator(':focus')
      .evaluate(
        (node) => node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent,
      )
  }
  const order = []
  for (let stop = 0; stop < 9; stop++) order.push(await tab())
  expect(order).toEqual([
    ...['global', 'lobby', 'Join another room', 'Join'],
    ...['Conversation', 'Message', 'Send'],
    ...['Your name', 'Save'],
  ])

  for (let back = 0; back < 6; back++) await page.keyboard.press('Shift+Tab')
  await page.keyboard.type('den')
  await page.keyboard.press('Enter')
  await heading('den').waitFor()
  // The cursor is in the box now.
  await page.keyboard.type('first line')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('second line')
  await page.keyboard.press('Enter')
  await said('first line', 'You').waitFor()
  expect(await said('first line').locator('.text').textContent()).toBe('first line\nsecond line')
  expect(complaints).toEqual([])
})

test('a screen reader finds landmarks, a polite log and the state of the connection', async () => {
  const { url } = await serve()
  const { page } = await open(url)

  for (const role of ['banner', 'navigation', 'main', 'complementary'] as const) {
    expect(await page.getByRole(role).count()).toBe(1)
  }
  expect(await page.getByRole('log', { name: 'Messages' }).getAttribute('aria-live')).toBe('polite')
  expect(await page.getByRole('banner').getByRole('status').textContent()).toBe('Connected')
  expect(await page.title()).toBe('#lobby · fastify-phoenix')
})

test('on a phone nothing scrolls sideways, however long the words are', async () => {
  const { url } = await serve()
  const long = 'x'.repeat(64)
  const { page, say, said } = await open(url, {
    room: long,
    viewport: { width: 360, height: 640 },
    isMobile: true,
    hasTouch: true,
  })
  await say('y'.repeat(500))
  await said('yyy', 'You').waitFor()

  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360)
  const conversation = page.getByRole('region', { name: 'Conversation' })
  expect(await conversation.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0)
})

test('the colours follow the system setting', async () => {
  const { url } = await serve()
  const paper = async (colorScheme: 'light' | 'dark') => {
    const { page } = await open(url, { colorScheme })
    return page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
  }
  expect([await paper('light'), await paper('dark')]).toEqual(['rgb(250, 246, 241)', 'rgb(21, 17, 14)'])
})
