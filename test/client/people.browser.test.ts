import { expect, test } from 'vitest'
import { useChat } from '../helpers/chat-page.ts'
import { type ChatWindow, openTab } from '../helpers/chat-window.ts'

const { serve, open } = useChat()
const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true }

/** The window lists these people, now or soon: the official client may wait 5 s before it connects again. */
const sees = ({ people }: ChatWindow, ...expected: string[]) =>
  expect.poll(people, { timeout: 10_000 }).toEqual(expected)

async function openAs(url: string, name: string, options?: Parameters<typeof open>[1]): Promise<ChatWindow> {
  const window = await open(url, options)
  await window.rename(name)
  return window
}

test('two users see each other join and leave, and the count changes', async () => {
  const { url } = await serve()
  const ann = await openAs(url, 'Ann')
  await sees(ann, 'Ann (you)')
  const bob = await openAs(url, 'Bob')

  await sees(ann, 'Ann (you)', 'Bob')
  await sees(bob, 'Bob (you)', 'Ann')
  for (const { page } of [ann, bob]) await page.getByRole('heading', { name: 'People here 2' }).waitFor()

  await bob.page.getByRole('link', { name: 'global' }).click()
  await sees(bob, 'Bob (you)')
  await sees(ann, 'Ann (you)', 'Bob')
  await bob.page.getByRole('link', { name: 'lobby' }).click()
  await bob.page.getByRole('button', { name: 'Leave' }).click()
  await sees(bob, 'Bob (you)')
  await sees(ann, 'Ann (you)')
  await ann.page.getByRole('heading', { name: 'People here 1' }).waitFor()
})

test('a user who closes the window leaves at once, not after a timeout of the connection', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([openAs(url, 'Ann'), openAs(url, 'Bob')])
  await sees(ann, 'Ann (you)', 'Bob')

  await bob.page.close()

  // An idle connection would end after 60 s.
  await sees(ann, 'Ann (you)')
})

test('all tabs of a browser are one person, who leaves with the last tab', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([openAs(url, 'Ann'), openAs(url, 'Bob')])
  const second = await openTab(ann.page.context(), url)

  await sees(bob, 'Bob (you)', 'Ann ×2')
  await sees(ann, 'Ann ×2 (you)', 'Bob')
  await sees(second, 'Ann ×2 (you)', 'Bob')

  await second.page.close()
  await sees(bob, 'Bob (you)', 'Ann')
  await ann.page.close()
  await sees(bob, 'Bob (you)')
})

test('a new name applies to all tabs, and others see no leave', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([openAs(url, 'Ann'), openAs(url, 'Bob')])
  const second = await openTab(ann.page.context(), url)
  await sees(bob, 'Bob (you)', 'Ann ×2')

  await ann.rename('  Anna ')

  for (const tab of [ann, second]) await sees(tab, 'Anna ×2 (you)', 'Bob')
  await sees(bob, 'Bob (you)', 'Anna ×2')
  expect(await second.page.getByLabel('Your name').inputValue()).toBe('Anna')
  expect(await ann.said('may be missing here').count()).toBe(0)
  await ann.say('Still here')
  await bob.said('Still here', 'Anna').waitFor()
  await second.said('Still here', 'You').waitFor()
})

test('a name survives a reload', async () => {
  const { url } = await serve()
  const ann = await openAs(url, 'Ann')
  await sees(ann, 'Ann (you)')

  await ann.page.reload()

  await sees(ann, 'Ann (you)')
  expect(await ann.page.getByLabel('Your name').inputValue()).toBe('Ann')
})

test('a guest is not listed and sees nobody until they choose a name, and again after removing it', async () => {
  const { url } = await serve()
  const [ann, guest] = await Promise.all([openAs(url, 'Ann'), open(url)])
  const hint = guest.page.getByText('You are a guest.')
  const giveUp = guest.page.getByRole('button', { name: 'Be a guest' })
  await sees(ann, 'Ann (you)')
  await sees(guest)
  await hint.waitFor()
  expect(await giveUp.isVisible()).toBe(false)

  await guest.rename('Gus')
  await sees(guest, 'Gus (you)', 'Ann')
  await hint.waitFor({ state: 'hidden' })

  await giveUp.click()
  await hint.waitFor()
  await sees(guest)
  await sees(ann, 'Ann (you)')
  expect(await guest.page.getByLabel('Your name').inputValue()).toBe('')
})

test('what a user types right after choosing a name stays', async () => {
  const { url } = await serve()
  const ann = await open(url)
  await ann.page.evaluate(`{
    const field = document.querySelector('.me-name')
    field.value = 'Ann'
    field.form.requestSubmit()
    field.value = 'Anna'
  }`)
  await sees(ann, 'Ann (you)')
  expect(await ann.page.getByLabel('Your name').inputValue()).toBe('Anna')
})

test('an invalid name is refused with a sentence, and the former name stays', async () => {
  const { url } = await serve()
  const ann = await openAs(url, 'Ann')
  const name = ann.page.getByLabel('Your name')

  await ann.rename('x'.repeat(41))

  expect(await ann.page.getByRole('alert').textContent()).toBe(
    'A name has at most 40 characters; this name has 41.',
  )
  expect(await name.getAttribute('aria-invalid')).toBe('true')
  await sees(ann, 'Ann (you)')

  await ann.rename('🐦'.repeat(40))
  await sees(ann, `${'🐦'.repeat(40)} (you)`)
  expect(await ann.page.getByRole('alert').count()).toBe(0)
})

test('a name that contains markup is shown as text', async () => {
  const { url } = await serve()
  const name = '<script>globalThis.hacked=1</script>'
  const [ann, bob] = await Promise.all([openAs(url, 'Ann'), openAs(url, name)])

  await sees(ann, 'Ann (you)', name)
  await sees(bob, `${name} (you)`, 'Ann')
  for (const { page, complaints } of [ann, bob]) {
    expect(await page.evaluate('globalThis.hacked')).toBeUndefined()
    expect(complaints).toEqual([])
  }
})

test('while the connection is lost, nobody is listed; after a restart of the server the list is right', async () => {
  const first = await serve()
  const [ann, bob, cem] = await Promise.all([
    openAs(first.url, 'Ann'),
    openAs(first.url, 'Bob'),
    openAs(first.url, 'Cem'),
  ])
  await sees(ann, 'Ann (you)', 'Bob', 'Cem')

  await first.stop()
  await sees(ann)
  await cem.page.close()
  await serve({ port: first.port })

  await sees(ann, 'Ann (you)', 'Bob')
  await sees(bob, 'Bob (you)', 'Ann')
})

test('a name that is changed while the connection is lost is used by the next connection', async () => {
  const first = await serve()
  const [ann, bob] = await Promise.all([openAs(first.url, 'Ann'), openAs(first.url, 'Bob')])
  await sees(ann, 'Ann (you)', 'Bob')
  await first.stop()
  await ann.page.getByText('Connection lost').waitFor()

  await ann.rename('Anna')
  await serve({ port: first.port })

  await sees(ann, 'Anna (you)', 'Bob')
  await sees(bob, 'Bob (you)', 'Anna')
  await ann.said('may be missing here').waitFor()
})

test('a screen reader announces joins and leaves, and finds a list with a name', async () => {
  const { url } = await serve()
  const ann = await openAs(url, 'Ann')
  const hears = (text: string) => ann.page.getByRole('status').getByText(text, { exact: true }).waitFor()
  await hears('Nobody else is here')

  const bob = await openAs(url, 'Bob')
  await hears('Bob came')
  await ann.page.getByRole('complementary').getByRole('list', { name: 'People here 2' }).waitFor()

  await bob.page.close()
  await hears('Bob left')
})

test('on a phone, a button of the room opens the list, by touch and by keyboard', async () => {
  const { url } = await serve()
  const [ann, bob] = await Promise.all([open(url, PHONE), openAs(url, 'Bob')])
  const { page } = ann
  const toggle = page.getByRole('button', { name: 'People' })
  const panel = page.getByRole('complementary')
  expect(await panel.isVisible()).toBe(false)

  await toggle.tap()
  await ann.rename('Ann')
  await sees(ann, 'Ann (you)', 'Bob')
  await sees(bob, 'Bob (you)', 'Ann')
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360)

  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: 'People 2' }).press('Enter')
  await panel.waitFor()
  await page.keyboard.press('Tab')
  expect(await page.getByLabel('Your name').evaluate((node) => node.matches(':focus'))).toBe(true)
})
