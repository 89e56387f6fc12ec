import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'
import { bearer } from '../helpers/tokens.ts'

const { serve, open } = useChat()

async function post(url: string, room: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json', ...bearer() }
  await fetch(`${url}/api/rooms/${room}/messages`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ body }),
  })
}

test('two windows chat in one room, and each marks its own messages', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([open(url), open(url)])

  await ann.say('Hello from Ann')
  await bob.said('Hello from Ann', 'Someone').waitFor()
  await ann.said('Hello from Ann', 'You').waitFor()

  await bob.say('Hello from Bob')
  await ann.said('Hello from Bob', 'Someone').waitFor()
  await bob.said('Hello from Bob', 'You').waitFor()
  expect(await ann.page.getByText('Sending…').count()).toBe(0)
  expect(await ann.said('Hello from').locator('time').count()).toBe(2)
})

test('a message posted over the API appears only in its room', async () => {
  const { url } = await serve()
  const [lobby, den] = await Promise.all([open(url), open(url, { room: 'den' })])

  await post(url, 'den', 'For the den')
  await post(url, 'lobby', 'For the lobby')

  await lobby.said('For the lobby').waitFor()
  await den.said('For the den').waitFor()
  expect(await lobby.said('For the').count()).toBe(1)
})

test('background messages arrive in both windows, as one line with a count', async () => {
  const { url } = await serve({ notifyEveryMs: 50 })
  const windows = await Promise.all([open(url, { room: 'global' }), open(url, { room: 'global' })])

  for (const { said } of windows) {
    await said(/Background ping × \d+/).waitFor()
    expect(await said('Background ping').count()).toBe(1)
    expect(await said('Background ping', 'Someone').count()).toBe(0)
  }
})

test('both windows reconnect after the server restarts on the same port', async () => {
  const first = await serve()
  const [ann, bob] = await Promise.all([open(first.url), open(first.url)])

  await first.stop()
  for (const { page } of [ann, bob]) {
    await page.getByRole('status').getByText('Connection lost, retrying').waitFor()
    await page
      .getByRole('timer')
      .getByText(/^in \d+ s$/)
      .waitFor()
  }
  await serve({ port: first.port })
  for (const { page, said } of [ann, bob]) {
    await page.getByRole('status').getByText('Connected').waitFor()
    await said('may be missing here').waitFor()
  }

  await ann.say('Still there?')
  await bob.said('Still there?', 'Someone').waitFor()
  expect(await ann.page.getByRole('timer').textContent()).toBe('')
})

test('the button reconnects without waiting', async () => {
  const first = await serve()
  const { page } = await open(first.url)
  await first.stop()
  // Late enough that the next attempt is seconds away.
  await page.getByRole('timer').getByText('in 5 s').waitFor()
  await serve({ port: first.port })

  await page.getByRole('button', { name: 'Try now' }).click()

  await page.getByRole('status').getByText('Connected').waitFor({ timeout: 2_000 })
})

test('messages that are written while the server is down are kept, and sent when it is back', async () => {
  const first = await serve()
  const { page, say, said, box } = await open(first.url)
  await first.stop()
  await page.getByText('Connection lost').waitFor()

  await say('Do not lose me')
  const unsent = page.getByRole('list', { name: 'Not confirmed yet' }).getByRole('listitem')
  await unsent.getByText('Waiting to be sent').waitFor()

  await serve({ port: first.port })
  await said('Do not lose me', 'You').waitFor()
  expect(await unsent.count()).toBe(0)
  expect(await said('Do not lose me').count()).toBe(1)
  expect(await box.inputValue()).toBe('')
})

test('rooms are listed, joined by a click, and shown in the URL', async () => {
  const { url } = await serve()
  const { page, heading } = await open(url, { room: 'lobby' })
  const rooms = page.getByRole('navigation', { name: 'Rooms' }).getByRole('link')
  await expect.poll(() => rooms.allTextContents()).toEqual(['global', 'lobby'])

  await rooms.getByText('global').click()

  await heading('global').waitFor()
  expect(new URL(page.url()).hash).toBe('#global')
  expect(await rooms.getByText('global').locator('..').getAttribute('aria-current')).toBe('page')

  await page.goBack()
  await heading('lobby').waitFor()
})

test('a URL opens its room, even while the page is open', async () => {
  const { url } = await serve()
  const { page, heading } = await open(url, { room: 'das Grüne & Blaue' })
  await heading('das Grüne & Blaue').waitFor()

  await page.goto(`${url}/#100%`)
  await heading('100%').waitFor()
})

test('until a room is left it stays joined, and its unread messages are counted in the list and the title', async () => {
  const { url } = await serve()
  const { page, heading, said } = await open(url)
  const rooms = page.getByRole('navigation', { name: 'Rooms' })
  await rooms.getByRole('link', { name: 'global' }).click()
  await heading('global').waitFor()

  await post(url, 'lobby', 'one')
  await post(url, 'lobby', 'two')

  await rooms.getByRole('link', { name: 'lobby 2 unread' }).click()
  await said('two').waitFor()
  await rooms.getByRole('link', { name: 'lobby', exact: true }).waitFor()
  expect(await page.title()).toBe('#lobby · fastify-phoenix')

  await page.getByRole('button', { name: 'Leave' }).click()
  await heading('global').waitFor()
  await post(url, 'lobby', 'three')
  await post(url, 'global', 'four')
  await said('four').waitFor()
  expect(await rooms.getByRole('link', { name: /unread/ }).count()).toBe(0)
  expect(await page.getByRole('button', { name: 'Leave' }).isVisible()).toBe(false)
})

test('the title counts unread messages', async () => {
  const { url } = await serve()
  const { page, heading } = await open(url)
  await page.getByRole('link', { name: 'global' }).click()
  await heading('global').waitFor()
  await post(url, 'lobby', 'one')
  await expect.poll(() => page.title()).toBe('(1) #global · fastify-phoenix')
})

test('others are shown that somebody is typing until the message arrives', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([open(url), open(url)])
  await ann.box.pressSequentially('Hel')
  await bob.page.getByText(/^Some(one|body) is typing…$/).waitFor()
  expect(await ann.page.getByText('is typing…').count()).toBe(0)
  await ann.box.press('Enter')
  await bob.said('Hel', 'Someone').waitFor()
  expect(await bob.page.getByText('is typing…').count()).toBe(0)
})

test('a URL without a room opens the first one', async () => {
  const { url } = await serve()
  const { page, heading } = await open(url, { room: '' })
  await heading('global').waitFor()
  expect(new URL(page.url()).hash).toBe('#global')
})

test('a URL with an invalid room changes nothing and shows the reason', async () => {
  const { url } = await serve()
  const { page, heading } = await open(url)

  await page.goto(`${url}/#a,b`)

  await page.getByRole('alert').getByText('A name cannot contain commas.').waitFor()
  await heading('lobby').waitFor()
  expect(new URL(page.url()).hash).toBe('#lobby')
})

test('an invalid name in the form is refused with a sentence, a valid one joins', async () => {
  const { url } = await serve()
  const { page, heading } = await open(url)
  const name = page.getByLabel('Join another room')

  await name.fill('one, two')
  await name.press('Enter')
  expect(await name.getAttribute('aria-invalid')).toBe('true')
  expect(await page.getByRole('alert').textContent()).toBe('A name cannot contain commas.')

  await name.fill('den')
  expect(await page.getByRole('alert').count()).toBe(0)
  await name.press('Enter')
  await heading('den').waitFor()
  await page.getByRole('navigation').getByRole('link', { name: 'den' }).waitFor()
})

test('new messages do not scroll a user who reads further up, and a button leads to the end', async () => {
  const { url } = await serve()
  const { page, say, said } = await open(url, { viewport: { width: 800, height: 400 } })
  for (let n = 1; n <= 12; n++) {
    await say(`Line ${n}`)
    await said(`Line ${n}`, 'You').last().waitFor()
  }
  const conversation = page.getByRole('region', { name: 'Conversation' })
  await conversation.evaluate((element) => element.scrollTo(0, 0))
  const toEnd = page.getByRole('button', { name: 'Jump to the latest' })
  await toEnd.waitFor()

  await post(url, 'lobby', 'News')
  await said('News').waitFor()
  expect(await conversation.evaluate((element) => element.scrollTop)).toBe(0)

  await toEnd.click()
  expect(await toEnd.isVisible()).toBe(false)
  const below = conversation.evaluate(
    (element) => element.scrollHeight - element.scrollTop - element.clientHeight,
  )
  expect(await below).toBeLessThan(2)
})
