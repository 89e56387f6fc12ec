import type { BrowserContextOptions } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineWorker, type Supervisor } from '../../server/index.ts'
import { violationsOf } from '../helpers/axe.ts'
import { DASHBOARD_TOKEN, useDashboard } from '../helpers/dashboard-page.ts'
import { connect } from '../helpers/raw-client.ts'

const { serve, openForm, open } = useDashboard()

/** Somebody in a room of the chat, who says something every 50 ms. */
async function talk(url: string, { room = 'lobby', name = 'Ann' } = {}) {
  const client = await connect(`${url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  client.send(`["1","1","room:${room}","phx_join",{"name":"${name}","client":"c1"}]`)
  const timer = setInterval(() => {
    if (client.ws.readyState === client.ws.OPEN)
      client.send(`["1","2","room:${room}","new_msg",{"body":"hi"}]`)
  }, 50)
  client.ws.on('close', () => clearInterval(timer))
  return client
}

/** A worker of this name; the function crashes it. */
async function startFragile(supervisor: Supervisor, name: string): Promise<() => void> {
  let crash = (): void => {}
  const worker = defineWorker({
    name,
    init(_context: undefined, self) {
      crash = () => self.send('crash')
    },
    handleInfo: {
      crash() {
        throw new Error('as the test wants it')
      },
    },
  })
  await supervisor.startChild({ worker, context: undefined })
  return () => crash()
}

test('a wrong token shows an error, and the right token opens the dashboard', async () => {
  const { url } = await serve()
  const { page, enter, figure } = await openForm(url)

  await enter('')
  await page.getByRole('alert').getByText('Type the token.').waitFor()
  await enter('not-the-token-of-this-server')
  await page.getByRole('alert').getByText('Invalid token.').waitFor()
  expect(await page.getByRole('figure').count()).toBe(0)
  expect(await page.getByLabel('Token').getAttribute('aria-invalid')).toBe('true')

  await enter(DASHBOARD_TOKEN)
  await figure(/^Connections: WebSocket 0,/).waitFor()
  await page.getByRole('status').getByText('Connected').waitFor()
})

test('the plots appear, and change when messages are sent', async () => {
  const { url } = await serve()
  const { page, figure, complaints } = await open(url)
  const picture = () =>
    figure(/^Messages per second/)
      .locator('canvas')
      .evaluate((canvas) => canvas.toDataURL())
  expect(await page.getByRole('figure').count()).toBe(6)
  await figure(/^Messages per second: in 0, out 0$/).waitFor()
  await figure(/^Handler latency: mean none/).waitFor()
  const idle = await picture()

  await talk(url)

  await figure(/^Messages per second: in [1-9][\d.]*, out [1-9]/).waitFor()
  await figure(/^Handler latency: mean [\d.]+ ms, p99 [\d.]+ ms$/).waitFor()
  await figure(/^Traffic: in \d+ B\/s, out [\d.]+ k?B\/s$/).waitFor()
  await figure(/^Connections: WebSocket 1, long-poll 0$/).waitFor()
  await figure(/^Event-loop delay: mean [\d.]+ ms, longest [\d.]+ ms$/).waitFor()
  expect(await picture()).not.toBe(idle)
  expect(complaints).toEqual([])
})

test('the topics are listed with their members, as text', async () => {
  const { url } = await serve()
  await talk(url, { room: 'den', name: '<b>Ann</b>' })
  const { row } = await open(url)

  await row('room:den').getByText('<b>Ann</b>').waitFor()
  expect(await row('room:den').getByRole('cell').first().textContent()).toBe('1')
})

test('members who join and leave are shown while the page is open', async () => {
  const { url } = await serve()
  const { row } = await open(url)
  expect(await row('room:lobby').count()).toBe(0)

  const client = await talk(url)
  await row('room:lobby').getByText('Ann').waitFor()

  client.ws.close()
  await row('room:lobby').waitFor({ state: 'detached' })
})

test('the page can restart a worker, disconnect a socket id and broadcast an event', async () => {
  const { url, app, supervisor } = await serve()
  await startFragile(supervisor, 'fragile')
  const client = await talk(url)
  const { page, row } = await open(url)
  const status = page.getByRole('status').last()

  await row('fragile')
    .getByRole('button', { name: /^Restart fragile on / })
    .click()
  await status.getByText('Restart fragile: done.').waitFor()

  await page.getByLabel('Topic', { exact: true }).fill('room:lobby')
  await page.getByLabel('Event', { exact: true }).fill('news')
  await page.getByLabel('Payload (JSON)').fill('{"text":"from the page"}')
  await page.getByRole('button', { name: 'Broadcast' }).click()
  await status.getByText('Broadcast to room:lobby: done.').waitFor()
  await expect.poll(async () => String(await client.next())).toContain('from the page')

  const closed = new Promise((resolve) => app.endpoint.subscribe('users:ann', (b) => resolve(b.event)))
  await page.getByLabel('Socket id').fill('users:ann')
  await page.getByRole('button', { name: 'Disconnect' }).click()
  await status.getByText('Disconnect users:ann: done.').waitFor()
  expect(await closed).toBe('disconnect')
})

test('the frames of a topic are shown as they happen, without secrets', async () => {
  const { url } = await serve()
  const client = await connect(`${url.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  client.send('["1","1","room:den","phx_join",{}]')
  const { page } = await open(url)
  const log = page.getByLabel('Frames', { exact: true })
  await page.getByLabel('named').fill('room:den')
  await page.getByRole('button', { name: 'Start' }).click()
  const timer = setInterval(
    () => client.send('["1","3","room:den","new_msg",{"body":"watched","password":"s3cret"}]'),
    100,
  )
  onTestFinished(() => clearInterval(timer))
  await expect.poll(() => log.inputValue()).toContain('"body":"watched","password":"[FILTERED]"')
  expect(await log.inputValue()).not.toContain('s3cret')
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('button', { name: 'Start' }).waitFor()
})

test('a restart of a supervised worker is shown', async () => {
  const { url, supervisor } = await serve()
  const crash = await startFragile(supervisor, 'fragile')
  const { row } = await open(url)
  const restarts = (count: string) => row('fragile').getByRole('cell', { name: count, exact: true })
  await restarts('0').waitFor()
  await row('fragile').getByText('running').waitFor()

  crash()

  await restarts('1').waitFor()
})

test('the name of the shown process is displayed', async () => {
  const { url, app } = await serve()
  const { page } = await open(url)
  const node = page.getByLabel('Node', { exact: true })
  const text = await node.textContent()
  expect(text).toContain(app.endpoint.nodeId)
  expect(text).toContain(`Process${process.pid}`)
})

test('after a restart of the server the page reconnects and shows the new process', async () => {
  const first = await serve()
  const { page, figure } = await open(first.url)
  const before = first.app.endpoint.nodeId
  await page.getByText(before).waitFor()

  await first.stop()
  await page.getByRole('status').getByText('Connection lost, retrying').waitFor()
  const second = await serve({ port: first.port })

  await page.getByRole('status').getByText('Connected').waitFor()
  await page.getByText(second.app.endpoint.nodeId).waitFor()
  await talk(second.url)
  await figure(/^Messages per second: in [1-9]/).waitFor()
})

test('if the server has restarted with another token, the page asks for it', async () => {
  const first = await serve()
  const { page } = await open(first.url)
  await first.stop()
  await serve({ port: first.port, dashboardToken: 'another-token-than-before' })

  await page.getByRole('alert').getByText('Invalid token.').waitFor()

  expect(await page.getByRole('figure').count()).toBe(0)
})

test('the token survives a reload, but not signing out', async () => {
  const { url } = await serve()
  const { page, figure } = await open(url)
  await page.reload()
  await figure(/^Memory: resident \d/).waitFor()

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Token').waitFor()
  await page.reload()

  await page.getByLabel('Token').waitFor()
  expect(await page.getByRole('figure').count()).toBe(0)
})

test('everything can be used with the keyboard', async () => {
  const { url } = await serve()
  const { page, figure } = await openForm(url)
  await page.getByLabel('Token').waitFor()
  // The cursor is in the box already.
  await page.keyboard.type(DASHBOARD_TOKEN)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await figure(/^Memory: resident \d/).waitFor()

  await page.keyboard.press('Shift+Tab')
  expect(await page.locator(':focus').textContent()).toBe('Sign out')
  await page.keyboard.press('Enter')

  await page.getByLabel('Token').waitFor()
})

// Contrast depends on the colours alone, layout on the size alone: each value once is enough.
const looks: [name: string, options: BrowserContextOptions][] = [
  ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
  ['dark, on a phone', { colorScheme: 'dark', viewport: { width: 360, height: 640 }, hasTouch: true }],
]

describe.each(looks)('%s', (look, options) => {
  test('the page violates no rule of axe and no part of its policy, and does not scroll sideways', async () => {
    const { url, supervisor, stop } = await serve({ notifyEveryMs: 500 })
    const crash = await startFragile(supervisor, 'a_worker_that_has_been_restarted')
    await talk(url, { room: 'x'.repeat(64) })
    await talk(url, { name: 'Bob' })
    const { page, figure, row, complaints, enter } = await openForm(url, options)
    const isWide = () => page.evaluate('document.documentElement.scrollWidth > innerWidth')
    expect(await violationsOf(page)).toEqual({})
    expect(await isWide()).toBe(false)

    await enter(DASHBOARD_TOKEN)
    crash()
    await figure(/^Messages per second: in [1-9]/).waitFor()
    await row('room:lobby').getByText('Bob').waitFor()
    await row('a_worker_that_has_been_restarted').getByText('1', { exact: true }).waitFor()
    expect(await violationsOf(page)).toEqual({})
    expect(await isWide()).toBe(false)
    expect(complaints).toEqual([])
    const shot = process.env['SHOT']
    if (shot) await page.screenshot({ path: `${shot}-${look.replaceAll(' ', '-')}.png`, fullPage: true })

    await stop()
    await page.getByText('Connection lost').waitFor()
    expect(await violationsOf(page)).toEqual({})
  })
})
