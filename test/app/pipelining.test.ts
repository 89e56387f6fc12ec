import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'

/** The chat with a page, and how many of the page's files are open. */
async function openPage() {
  const pageRoot = await mkdtemp(join(tmpdir(), 'page-'))
  onTestFinished(() => rm(pageRoot, { recursive: true }))
  await writeFile(join(pageRoot, 'main.js'), 'x'.repeat(100_000))
  const { app } = await openApp({ pageRoot })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const openFiles = () =>
    readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`).startsWith(pageRoot)).length
  return { app, port, openFiles }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const GET = 'GET /main.js HTTP/1.1\r\nHost: x\r\n\r\n'

test('1,000 pipelined requests for a file, whose responses are not read, open no file', async () => {
  const { app, port, openFiles } = await openPage()
  expect(GET).toHaveLength(34)
  const client = connect(port, '127.0.0.1').on('error', () => {})
  const isBusy = once(app.server, 'request')
  client.pause().write(GET.repeat(1_000))
  await isBusy
  expect(openFiles()).toBe(0)
  client.destroy()
})

test.each([
  ['/docs', 2_000],
  ['/metrics', 1_500],
  ['/api/rooms', 300],
  ['/api/rooms/lobby', 300],
  ['/absent', 1_000],
])('of pipelined requests for %s (%i), at most 100 are answered', async (path, count) => {
  const { app, port } = await openPage()
  let answered = 0
  app.server.on('request', (_request, response) => response.on('finish', () => (answered += 1)))
  const client = connect(port, '127.0.0.1').on('error', () => {})
  client.resume().write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(count))
  await new Promise((resolve) => client.once('close', resolve))
  expect(answered).toBeLessThanOrEqual(100)
})
