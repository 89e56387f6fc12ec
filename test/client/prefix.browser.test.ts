import { expect, onTestFinished, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'
import { prefixProxy } from '../helpers/prefix-proxy.ts'

const { browser, serve, open } = useChat()

test('below a path, behind a proxy that strips it, two browsers chat and see the list of rooms', async () => {
  const { url } = await serve()
  const below = await prefixProxy('/chat', url)
  const [ann, bob] = await Promise.all([open(below), open(below)])

  await ann.say('Hello from below')
  await bob.said('Hello from below', 'Someone').waitFor()
  const rooms = bob.page.getByRole('navigation').getByRole('link')
  await expect.poll(() => rooms.allTextContents()).toEqual(['global', 'lobby'])
  expect(new URL(bob.page.url()).pathname).toBe('/chat/')
  for (const { complaints } of [ann, bob]) expect(complaints).toEqual([])
})

test('/docs loads its style and its documents below the path', async () => {
  const { url } = await serve()
  const below = await prefixProxy('/chat', url)
  const page = await browser().newPage()
  onTestFinished(() => page.close())
  const failed: string[] = []
  page.on('response', (response) => response.ok() || failed.push(response.url()))
  await page.goto(`${below}/docs`)
  expect(await page.evaluate('getComputedStyle(document.body).maxWidth')).toBe('960px')
  await page.getByRole('link', { name: 'routes as OpenAPI' }).click()
  await page.waitForURL(`${below}/docs/openapi.json`)
  expect(failed).toEqual([])
})
