import { decodeJwt } from 'jose'
import type { Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { tokenLink } from '../../server/app/token-link.ts'
import { useChat } from '../helpers/chat-page.ts'
import { Deferred } from '../helpers/deferred.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'

const { browser, serve } = useChat()

/** The chat with users, and a page whose address had this token. */
async function signIn(token: string) {
  const { url } = await serve({ authSecret: AUTH_SECRET })
  const page = await browser().newPage()
  const connecting = page.waitForEvent('websocket')
  await page.goto(`${url}/#token=${token}`)
  await page.getByRole('status').getByText('Connected').waitFor()
  const stored = () => page.evaluate<string | null>(`localStorage.getItem('fastify-phoenix.token')`)
  return { page, stored, socket: await connecting }
}

/** Open the chat with users at an address; nobody is signed in before. */
async function visit(hash: string, options: Parameters<typeof serve>[0] = {}) {
  const { url } = await serve({ authSecret: AUTH_SECRET, ...options })
  const context = await browser().newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await page.goto(`${url}/${hash}`)
  return { url, page }
}

/** User of a token, and whether it is valid for hours. */
function validity(token: string | null) {
  const { sub, exp = 0 } = decodeJwt(token ?? '')
  return [sub, exp - Date.now() / 1_000 > 3_600]
}

const state = (page: Page) => page.getByRole('banner').getByRole('status')

test('a user has the name in the token, own messages are marked, and there is no form for a name', async () => {
  const { url, page } = await visit(`#token=${await tokenFor('ann', { name: 'Ann' })}`)
  const other = await (await browser().newContext()).newPage()
  onTestFinished(() => other.context().close())
  await other.goto(`${url}/#token=${await tokenFor('bob', { name: 'Bob' })}`)
  for (const one of [page, other]) await state(one).getByText('Connected').waitFor()

  await page.getByLabel('Message', { exact: true }).fill('Hello')
  await page.getByLabel('Message', { exact: true }).press('Enter')

  const said = (one: Page, who: string) =>
    one.getByRole('log').getByRole('listitem').filter({ hasText: 'Hello' }).getByText(who, { exact: true })
  await said(page, 'You').waitFor()
  await said(other, 'Ann').waitFor()
  const people = () => page.getByRole('complementary').getByRole('listitem').allTextContents()
  await expect
    .poll(async () => (await people()).map((text) => text.replace(/\s+/g, ' ').trim()))
    .toEqual([...['Ann (you)', 'Bob']])
  expect(await page.getByLabel('Your name').isVisible()).toBe(false)
  expect(await page.getByText('You are a guest.').isVisible()).toBe(false)
})

test('without a token the user is signed out, and cannot write', async () => {
  const { page } = await visit('')
  await state(page).getByText('You are not signed in').waitFor()
  await page.getByRole('heading', { name: 'You are not signed in' }).waitFor()
  expect(await page.getByLabel('Message', { exact: true }).isDisabled()).toBe(true)
  expect(await page.getByText('Connection lost').count()).toBe(0)
  for (const name of ['Sign in', 'Save']) {
    expect(await page.getByRole('button', { name }).isVisible()).toBe(false)
  }
})

test('with an expired token the page says that the session has ended', async () => {
  const { page } = await visit(`#token=${await tokenFor('ann', { expiresIn: -1 })}`)
  await state(page).getByText('Your session has ended').waitFor()
})

test('the page warns before the token expires, ends the session, and continues with a fresh link', async () => {
  const apiToken = 'the-operator-of-the-tests'
  const { url, page } = await visit(`#token=${await tokenFor('ann', { expiresIn: 50 })}`, { apiToken })
  await state(page)
    .getByText(/^Your session ends in (1|less than a) minute$/)
    .waitFor()

  const expired = await tokenFor('ann', { expiresIn: -1 })
  await page.evaluate(`localStorage.setItem('fastify-phoenix.token', '${expired}')`)
  const headers = { authorization: `Bearer ${apiToken}` }
  await fetch(`${url}/admin/sockets/users_socket:ann/disconnect`, { method: 'POST', headers })
  await state(page).getByText('Your session has ended').waitFor()

  await page.evaluate(`location.hash = 'token=${await tokenFor('ann')}'`)

  await state(page).getByText('Connected').waitFor()
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor({ state: 'hidden' })
})

test('a room that the token does not allow says so and accepts no messages', async () => {
  const token = await tokenFor('ann', { rooms: ['private-board'] })
  const { page } = await visit(`#token=${token}&room=lobby`)
  await page.getByRole('status').getByText('You are not allowed in this room.').waitFor()
  expect(await page.getByLabel('Message', { exact: true }).isDisabled()).toBe(true)
  await state(page).getByText('Connected').waitFor()
})

test('a link of `npm run token` opens the room that it was made for', async () => {
  const args = ['--name', 'Ann', '--rooms', 'private-board,lobby']
  const link = new URL(await tokenLink(args, { AUTH_SECRET }))
  const { page } = await visit(link.hash.trim())
  await page.getByRole('heading', { name: 'private-board' }).waitFor()
  await state(page).getByText('Connected').waitFor()
  expect(await page.getByLabel('Message', { exact: true }).isDisabled()).toBe(false)
})

test('with DEV_LOGIN the page signs in', async () => {
  const { page } = await visit('#lobby', { devLogin: true })
  await page.getByLabel('Sign in as').fill('Zoë')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await state(page).getByText('Connected').waitFor()
  await page.getByRole('complementary').getByText('Zoë').waitFor()
  await page.getByRole('heading', { name: 'lobby' }).waitFor()
})

test('after a sign-in the page connects, even if the session cannot be read at that time', async () => {
  const { page } = await visit('#lobby', { devLogin: true })
  await page.getByLabel('Sign in as').fill('Zoë')
  // The read after the sign-in fails, and the next one works.
  let reads = 0
  await page.route('**/api/session', (route) => {
    if (route.request().method() === 'POST') return route.continue()
    reads += 1
    return reads === 1 ? route.fulfill({ status: 503 }) : route.continue()
  })
  await page.getByRole('button', { name: 'Sign in' }).click()
  await state(page).getByText('Connected').waitFor()
  await page.getByRole('complementary').getByText('Zoë').waitFor()
  await page.getByRole('heading', { name: 'You are not signed in' }).waitFor({ state: 'hidden' })
  await expect.poll(() => reads).toBe(2)
})

test('a sign-in in another tab is not lost while the page asks who it is', async () => {
  const { url, page } = await visit('')
  await state(page).getByText('You are not signed in').waitFor()
  const [asked, other] = [new Deferred(), new Deferred()]
  await page.route('**/api/session', async (route) => {
    const response = await route.fetch()
    asked.resolve()
    await other.promise
    await route.fulfill({ response })
  })
  await page.evaluate(`dispatchEvent(new Event('online'))`)
  await asked.promise
  const tab = await page.context().newPage()
  await tab.goto(`${url}/#token=${await tokenFor('ann')}`)
  await state(tab).getByText('Connected').waitFor()
  other.resolve()
  await state(page).getByText('Connected').waitFor()
})

test('with DEV_LOGIN the page renews an expiring token of its own user, but not of another user', async () => {
  const [own, other] = ['user-Ann', 'ann'].map((id) => tokenFor(id, { name: 'Ann', expiresIn: 50 }))
  const { url, page } = await visit(`#token=${await own}`, { devLogin: true })
  const stored = () => page.evaluate<string | null>(`localStorage.getItem('fastify-phoenix.token')`)
  await expect.poll(async () => validity(await stored())).toEqual(['user-Ann', true])
  await state(page).getByText('Connected').waitFor()

  const context = await browser().newContext()
  onTestFinished(() => context.close())
  const stranger = await context.newPage()
  await stranger.goto(`${url}/#token=${await other}`)
  await state(stranger).getByText('Your session ends in').waitFor()
})

test('the page connects with its token, and never puts it into a URL', async () => {
  const token = await tokenFor('ann')
  const { page, socket } = await signIn(token)
  expect(socket.url()).not.toContain(token)
  expect(page.url()).not.toContain(token)
  await page.close()
})

test.each(['accept', 'dismiss'] as const)(
  'a link with the token of another user asks first: %s',
  async (answer) => {
    const [own, other] = [await tokenFor('ann'), await tokenFor('mallory')]
    const { page, stored } = await signIn(own)

    const asking = page.waitForEvent('dialog')
    const following = page.evaluate(`location.hash = 'token=${other}'`)
    const dialog = await asking
    expect(dialog.message()).toContain('signs you in as mallory')
    await dialog[answer]()
    await following

    expect(await stored()).toBe(answer === 'accept' ? other : own)
    expect(page.url()).not.toContain('token')
    await page.close()
  },
)
