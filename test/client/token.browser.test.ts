import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'
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

test('the page connects with its token, and has it in no address', async () => {
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
