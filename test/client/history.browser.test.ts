import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'
import type { ChatWindow } from '../helpers/chat-window.ts'
import { bearer } from '../helpers/tokens.ts'
import { isFullSize } from '../load/size.ts'

/** Seconds for which a window is offline. */
const AWAY_SECONDS = isFullSize ? 20 : 6

const { serve, open } = useChat()

const texts = ({ page }: ChatWindow) => page.getByRole('log').locator('.text').allTextContents()
const lines = ({ page }: ChatWindow) => page.getByRole('log').locator('.gap').allTextContents()

test(`of two windows one is offline for ${AWAY_SECONDS} s and one reloaded; both show the same list in the same order`, async () => {
  const { url } = await serve({ notifyEveryMs: 100 })
  const [ann, bob, cem] = await Promise.all([open(url), open(url), open(url)])
  const said: string[] = []
  const say = async (window: ChatWindow, text: string) => {
    await window.say(text)
    await window.said(text, 'You').waitFor()
    said.push(text)
  }
  await say(cem, 'One')
  for (const window of [ann, bob]) await window.said('One').waitFor()

  await ann.page.context().setOffline(true)
  await ann.page.getByText('You are offline').waitFor()
  await say(cem, 'Two')
  await bob.said('Two').waitFor()
  await bob.page.goto('about:blank')
  for (let second = 1; second <= AWAY_SECONDS; second++) {
    await Promise.all([say(cem, `Second ${second}`), delay(1_000)])
  }
  await bob.page.goto(`${url}/#lobby`)
  await ann.page.context().setOffline(false)

  for (const window of [ann, bob, cem]) await expect.poll(() => texts(window)).toEqual(said)
  for (const window of [ann, bob]) expect(await lines(window)).toEqual(['New since you left'])
  const next = (window: ChatWindow) => window.page.locator('.gap ~ .message .text').first().textContent()
  expect([await next(ann), await next(bob)]).toEqual(['Two', 'Second 1'])
})

test('a new user sees the earlier messages with their authors and times', async () => {
  const { url } = await serve()
  const ann = await open(url)
  await ann.say('Early')
  await ann.said('Early', 'You').waitFor()
  const answer = await fetch(`${url}/api/rooms/lobby/messages`, { headers: bearer() })
  const { messages } = (await answer.json()) as { messages: { at: number }[] }
  const bob = await open(url)
  await bob.said('Early', 'Someone').waitFor()
  await expect
    .poll(() => bob.said('Early').locator('time').getAttribute('datetime'))
    .toBe(new Date(messages[0]?.at ?? 0).toISOString())
  expect(await lines(bob)).toEqual([])
})

test('a reload opens all rooms again that were open', async () => {
  const { url } = await serve()
  const ann = await open(url, { room: 'den' })
  await ann.page.getByRole('link', { name: 'lobby' }).click()
  await ann.heading('lobby').waitFor()
  await ann.page.reload()
  await ann.heading('lobby').waitFor()

  const bob = await open(url, { room: 'den' })
  await bob.say('Are you there?')
  await expect.poll(() => ann.page.title()).toBe('(1) #lobby · fastify-phoenix')
})
