import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openApp } from '../../helpers/open-app.ts'

async function openPage() {
  const pageRoot = await mkdtemp(join(tmpdir(), 'page-'))
  onTestFinished(() => rm(pageRoot, { recursive: true }))
  await writeFile(join(pageRoot, 'index.html'), '<h1>Chat</h1>')
  return openApp({ pageRoot })
}

test('the page is served with its content security policy', async () => {
  const { app } = await openPage()
  const response = await app.inject('/')
  expect([response.statusCode, response.body]).toEqual([200, '<h1>Chat</h1>'])
  expect(response.headers['content-security-policy']).toContain("script-src 'self'")
})

test.each(['/absent.js', '/..%2fpackage.json', '/api', '/docs/absent'])('%s is not found', async (url) => {
  const { app } = await openPage()
  const response = await app.inject(url)
  expect(response.json()).toMatchObject({ status: 404, code: 'not_found' })
  expect(response.headers).toHaveProperty('content-security-policy')
})

test('the API and /docs are also served if the page is not built', async () => {
  const { app } = await openApp()
  expect((await app.inject('/')).statusCode).toBe(404)
  for (const url of ['/api/rooms', '/docs']) expect((await app.inject(url)).statusCode).toBe(200)
})
