// The server of docs/operations.md in an empty folder with the packed package.
import { readFileSync } from 'node:fs'
import { Socket } from 'phoenix'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { launchChromium } from './helpers/chromium.ts'
import type { InstalledProject } from './helpers/installed-package.ts'
import { block } from './helpers/markdown.ts'
import { OwnProcess } from './helpers/own-process.ts'
import { linkedProject } from './helpers/page-project.ts'
import { freePort, startRedis } from './helpers/redis.ts'
import { until } from './helpers/until.ts'

const PAGE = 'docs/operations.md'
const TOKEN = 'the-token-of-the-operator'
const SOCKET = `import { defineSocket, defineUntypedChannel } from 'fastify-phoenix'
export const UserSocket = defineSocket({ connect: () => ({ ok: {} }) })
  .id(() => 'users:all')
  .channel(defineUntypedChannel('room:*', { join: () => ({ ok: {} }) }))
`

let browser: Browser
let project: InstalledProject
beforeAll(async () => {
  project = await linkedProject(['fastify-phoenix', 'fastify', 'typebox', 'redis', 'prom-client'])
  for (const name of ['main.js', 'server.js']) await project.write(name, block(PAGE, name).text)
  await project.write('user-socket.js', SOCKET)
  browser = await launchChromium()
}, 600_000)
afterAll(async () => {
  await browser?.close()
  await project?.remove()
})

test('15 lines make a server on all cores that operators can watch, control and reload', async () => {
  expect(block(PAGE, 'server.js').text.trim().split('\n').length).toBeLessThanOrEqual(15)
  const { url: REDIS_URL } = await startRedis()
  const PORT = String(await freePort())
  const own = { REDIS_URL, PORT, OPERATOR_TOKEN: TOKEN, SECRET_KEY_BASE: 'x'.repeat(40) }
  const server = new OwnProcess(`${project.folder}/main.js`, own, { ownGroup: true })
  const base = `http://localhost:${PORT}`
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  await expect
    .poll(() =>
      fetch(`${base}/readyz`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200)

  // All cores, merged metrics, and the admin API.
  const nodes = async () => {
    const answer = await (await fetch(`${base}/admin/nodes`, { headers })).json()
    return (answer as { nodes: { pid: number }[] }).nodes
  }
  await expect.poll(async () => (await nodes()).length).toBeGreaterThan(1)
  const before = (await nodes()).map(({ pid }) => pid)
  expect(await (await fetch(`${base}/metrics`)).text()).toContain('process_resident_memory_bytes')
  expect((await fetch(`${base}/admin/nodes`)).status).toBe(401)

  // A client that hears what scripts broadcast.
  const transport = WebSocket as unknown as typeof globalThis.WebSocket
  const socket = new Socket(`${base.replace('http', 'ws')}/socket`, { transport })
  onTestFinished(() => socket.disconnect())
  socket.connect()
  const room = socket.channel('room:lobby')
  const heard: number[] = []
  let joins = 0
  room.on('news', ({ n }) => void heard.push(n))
  room.join().receive('ok', () => {
    joins += 1
  })
  await until(() => joins === 1)

  // The dashboard in a browser.
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  await page.goto(`${base}/dashboard`)
  await page.getByLabel('Token').fill(TOKEN)
  await page.getByLabel('Token').press('Enter')
  await page.getByLabel('Show').selectOption('all')
  await page.getByRole('figure', { name: /^Connections: WebSocket 1,/ }).waitFor()
  await page.getByRole('rowheader', { name: 'room:lobby' }).waitFor()
  expect(complaints).toEqual([])
  await page.close()

  // A reload under traffic: every request is taken, and the client hears everything after its rejoin.
  const statuses: number[] = []
  let sent = 0
  const stop = new AbortController()
  const send = async () => {
    while (!stop.signal.aborted) {
      sent += 1
      const body = JSON.stringify({ topic: 'room:lobby', event: 'news', payload: { n: sent } })
      const options = { method: 'POST', headers: { ...headers, connection: 'close' }, body }
      statuses.push((await fetch(`${base}/admin/broadcast`, options)).status)
    }
  }
  const sending = send()
  await until(() => heard.length > 10)
  server.child.kill('SIGHUP')
  await until(() => joins === 2)
  const first = sent + 1
  await until(() => sent > first + 50)
  stop.abort()
  await sending
  await until(() => heard.includes(sent))
  expect(statuses.filter((status) => status !== 202)).toEqual([])
  const expected = Array.from({ length: sent - first + 1 }, (_, n) => first + n)
  // Broadcasts of two nodes have no order, because a node delivers its own without Redis.
  expect(heard.filter((n) => n >= first).sort((a, b) => a - b)).toEqual(expected)
  await expect.poll(async () => (await nodes()).some(({ pid }) => before.includes(pid))).toBe(false)
  process.stdout.write(`reload: ${statuses.length} broadcasts posted meanwhile, all taken\n`)

  server.child.kill('SIGTERM')
  expect(await server.exited).toEqual({ code: 0, signal: null })
}, 300_000)

test('the package contains the Grafana dashboard and the alerts', () => {
  const folder = `${project.folder}/node_modules/fastify-phoenix`
  expect(JSON.parse(readFileSync(`${folder}/grafana/dashboard.json`, 'utf8')).title).toBe('fastify-phoenix')
  expect(readFileSync(`${folder}/grafana/alerts.yml`, 'utf8')).toContain('PhoenixEngineDown')
})
