import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import { dirname, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Options, type Server, serve } from '../conformance/checklist/fixture.ts'
import { launchChromium } from '../helpers/chromium.ts'

/** Getting a browser may mean to install one. */
const SETUP_TIMEOUT_MS = 600_000
const LONG_POLL: Options = { longpoll: true, checkOrigin: false }
const FALLBACK = '{ longPollFallbackMs: 300 }'

/** Script of the page: join, ask, hear a broadcast of its own, send bytes, leave. */
const CHAT = `
  const answered = (push) => new Promise((resolve, reject) =>
    push.receive('ok', resolve).receive('error', reject).receive('timeout', () => reject('timeout')))
  async function chat(url, options) {
    const socket = new Phoenix.Socket(url, options)
    socket.connect()
    const channel = socket.channel('room:m', {})
    const heard = new Promise((resolve) => channel.on('bc', resolve))
    await answered(channel.join())
    return {
      socket,
      seen: [
        await answered(channel.push('echo', { text: 'ü' })),
        (await answered(channel.push('bc_reply', { n: 1 })), await heard),
        await answered(channel.leave()),
      ],
    }
  }
`
const SEEN = [{ text: 'ü' }, { n: 1 }, {}]

let browser: Browser

beforeAll(async () => {
  browser = await launchChromium()
}, SETUP_TIMEOUT_MS)

afterAll(() => browser?.close())

/** An empty page of another origin than the server's, with a published client on it. */
async function openPage(version: string): Promise<Page> {
  const server = createServer((_request, response) => response.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const page = await browser.newPage()
  onTestFinished(async () => {
    await page.close()
    server.closeAllConnections()
    server.close()
  })
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const main = createRequire(import.meta.url).resolve(version)
  await page.addScriptTag({ path: join(dirname(main), 'phoenix.js') })
  await page.addScriptTag({ content: CHAT })
  return page
}

/** Chat from the page: what it saw, and what it asked the server for. */
async function chat(
  page: Page,
  { base }: Server,
  options: string,
): Promise<{ seen: unknown; paths: Set<string> }> {
  const paths = new Set<string>()
  page.on('request', (request) => paths.add(`${request.method()} ${new URL(request.url()).pathname}`))
  const url = `${base.replace('http', 'ws')}/socket`
  const seen = await page.evaluate(`chat('${url}', ${options}).then(({ seen }) => seen)`)
  return { seen, paths }
}

/** From now on this server never answers an upgrade, like a proxy that knows no WebSockets. */
function swallowUpgrades({ app }: Server): void {
  const sockets: Socket[] = []
  const { emit } = app.server
  app.server.emit = (event: string, ...args: unknown[]): boolean => {
    if (event !== 'upgrade') return Reflect.apply(emit, app.server, [event, ...args])
    sockets.push(args[1] as Socket)
    return true
  }
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
}

describe('in a browser', () => {
  test.each(['phoenix', 'phoenix-1.7', 'phoenix-1.6', 'phoenix-1.5', 'phoenix-1.4', 'phoenix-1.3'])(
    'the client %s chats by long-poll across origins (B211)',
    async (version) => {
      const server = await serve(LONG_POLL)
      const { seen, paths } = await chat(await openPage(version), server, '{ transport: Phoenix.LongPoll }')
      expect(seen).toEqual(SEEN)
      expect([...paths]).toEqual(expect.arrayContaining(['GET /socket/longpoll', 'POST /socket/longpoll']))
    },
  )

  test.each(['phoenix', 'phoenix-1.7'])(
    'the client %s falls back to long-poll if upgrades are refused (B212)',
    async (version) => {
      const server = await serve({ ...LONG_POLL, websocket: false })
      const { seen, paths } = await chat(await openPage(version), server, FALLBACK)
      expect(seen).toEqual(SEEN)
      expect(paths).toContain('POST /socket/longpoll')
    },
  )

  test.each(['phoenix', 'phoenix-1.7'])(
    'the client %s falls back to long-poll if upgrades are never answered (B212)',
    async (version) => {
      const server = await serve(LONG_POLL)
      swallowUpgrades(server)
      const page = await openPage(version)
      const { seen, paths } = await chat(page, server, FALLBACK)
      expect(seen).toEqual(SEEN)
      expect(paths).toContain('POST /socket/longpoll')
      expect(await page.evaluate("sessionStorage.getItem('phx:fallback:LongPoll')")).toBe('true')
    },
  )

  test('a page without WebSocket chats by long-poll', async () => {
    const server = await serve(LONG_POLL)
    const page = await openPage('phoenix')
    await page.evaluate('delete globalThis.WebSocket')
    const { seen, paths } = await chat(page, server, '{}')
    expect(seen).toEqual(SEEN)
    expect(paths).toContain('POST /socket/longpoll')
  })

  test('the client keeps using a WebSocket that works', async () => {
    const server = await serve(LONG_POLL)
    const { seen, paths } = await chat(await openPage('phoenix'), server, '{ longPollFallbackMs: 5_000 }')
    expect(seen).toEqual(SEEN)
    expect([...paths].filter((path) => path.includes('longpoll'))).toEqual([])
  })

  test('bytes can be sent to the server over long-poll', async () => {
    const server = await serve(LONG_POLL)
    const page = await openPage('phoenix')
    const url = `${server.base.replace('http', 'ws')}/socket`
    const reply = await page.evaluate(`(async () => {
      const socket = new Phoenix.Socket('${url}', { transport: Phoenix.LongPoll })
      socket.connect()
      const channel = socket.channel('room:m', {})
      await answered(channel.join())
      return answered(channel.push('objectreply', new Uint8Array([0, 255, 1]).buffer))
    })()`)
    expect(reply).toEqual({ a: 1 })
  })
})
