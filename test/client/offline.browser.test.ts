import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'

const { serve, open } = useChat()

test('a browser that goes offline while typing sends its messages when it is back', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([open(url), open(url)])
  const network = ann.page.context()
  const state = ann.page.getByRole('banner').getByRole('status')
  await ann.box.pressSequentially('Half a sent')

  await network.setOffline(true)
  await state.getByText('You are offline').waitFor()
  await ann.box.pressSequentially('ence')
  await ann.box.press('Enter')
  await ann.say('And another')
  const unsent = ann.page.getByRole('list', { name: 'Not confirmed yet' }).getByRole('listitem')
  await expect.poll(() => unsent.getByText('Waiting to be sent').count()).toBe(2)
  await bob.say('Are you there?')
  await bob.said('Are you there?', 'You').waitFor()
  const list = ({ page }: typeof ann) => page.getByRole('log').locator('.text').allTextContents()

  await network.setOffline(false)
  await state.getByText('Connected').waitFor()
  for (const text of ['Half a sentence', 'And another']) {
    await bob.said(text, 'Someone').waitFor()
    await ann.said(text, 'You').waitFor()
    expect(await bob.said(text).count()).toBe(1)
  }
  expect(await unsent.count()).toBe(0)
  const all = ['Are you there?', 'Half a sentence', 'And another']
  for (const window of [ann, bob]) await expect.poll(() => list(window)).toEqual(all)
  const lines = await ann.page.getByRole('log').getByRole('listitem').allTextContents()
  expect(lines[0]).toBe('New since you left')

  await bob.page.reload()
  await expect.poll(() => list(bob)).toEqual(all)
  await bob.said('And another', 'Someone').waitFor()
  expect(await bob.said('New since you left').count()).toBe(0)
})

test('a message without an echo is not confirmed, and its retry is not shown twice', async () => {
  const first = await serve()
  const { page, say, said } = await open(first.url)
  let isDeaf = true
  await page.routeWebSocket(/socket/, (socket) => {
    const server = socket.connectToServer()
    server.onMessage((frame) => {
      if (!isDeaf || !String(frame).includes('"new_msg"')) socket.send(frame)
    })
  })
  await page.reload()
  await page.getByText('Joining…').waitFor({ state: 'detached' })
  await say('Once')
  await page.getByText('Sending…').waitFor()
  await first.stop()
  const unsent = page.getByRole('list', { name: 'Not confirmed yet' }).getByRole('listitem')
  await unsent.getByText('Not confirmed', { exact: true }).waitFor()
  expect(await unsent.getByRole('alert').textContent()).toBe(
    'The conversation was interrupted before the server confirmed the message.',
  )

  isDeaf = false
  await serve({ port: first.port })
  await page.getByRole('status').getByText('Connected').waitFor()
  await unsent.getByRole('button', { name: 'Retry' }).click()

  await said('Once', 'You').waitFor()
  expect([await said('Once').count(), await unsent.count()]).toEqual([1, 0])
})

test('an unconfirmed message can be discarded', async () => {
  const { url, stop } = await serve()
  const { page, say } = await open(url)
  await page.routeWebSocket(/socket/, (socket) => {
    const server = socket.connectToServer()
    server.onMessage((frame) => {
      if (!String(frame).includes('"new_msg"')) socket.send(frame)
    })
  })
  await page.reload()
  await page.getByText('Joining…').waitFor({ state: 'detached' })
  await say('Never mind')
  await page.getByText('Sending…').waitFor()
  await stop()

  await page.getByRole('button', { name: 'Discard' }).click()

  await page.getByText('Never mind').waitFor({ state: 'detached' })
})
