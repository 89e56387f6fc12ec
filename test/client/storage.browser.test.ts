import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'
import { openTab } from '../helpers/chat-window.ts'
import { launchChromiumIn } from '../helpers/chromium.ts'

const { serve, open } = useChat()

/** A browser that blocks all cookies, and with them every kind of storage. */
async function openBlocked() {
  const profile = await mkdtemp(join(tmpdir(), 'blocked-'))
  await mkdir(join(profile, 'Default'))
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } }
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences))
  const context = await launchChromiumIn(profile)
  onTestFinished(async () => {
    await context.close()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  return context
}

test('the page works with all cookies blocked: a user can choose a name and chat', async () => {
  const { url } = await serve()
  const [ann, bob] = [await openTab(await openBlocked(), url), await open(url)]
  const stores =
    '[() => localStorage, () => sessionStorage].map((read) => { try { read() } catch (e) { return e.name } })'
  expect(await ann.page.evaluate(stores)).toEqual(['SecurityError', 'SecurityError'])

  await ann.rename('Ann')
  await ann.say('Hello without cookies')
  await bob.said('Hello without cookies', 'Ann').waitFor()
  await ann.said('Hello without cookies', 'You').waitFor()
  expect(ann.complaints).toEqual([])
})
