import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'

const { serve, open } = useChat()
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }

test('at 390 px a user can choose a name, chat, open another room and come back', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([open(url, PHONE), open(url)])
  const { page } = ann

  await page.getByRole('button', { name: 'Take a name' }).tap()
  const name = page.getByLabel('Your name')
  expect(await name.evaluate((node) => node.matches(':focus'))).toBe(true)
  await ann.rename('Ann')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Name: Ann' }).waitFor()
  await ann.say('Hello from a phone')
  await bob.said('Hello from a phone', 'Ann').waitFor()

  await page.getByRole('link', { name: 'global' }).tap()
  await ann.heading('global').waitFor()
  await bob.say('Still there?')
  await page.getByRole('link', { name: 'lobby 1 unread' }).tap()
  await ann.said('Still there?', 'Someone').waitFor()
  const widths =
    'Array.from(document.querySelectorAll("header, main, nav, .composer"), (one) => one.scrollWidth)'
  for (const width of await page.evaluate<number[]>(widths)) expect(width).toBeLessThanOrEqual(390)
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(390)
})
