import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { AppOptions } from '../../../server/app/app.ts'
import { openApp } from '../../helpers/open-app.ts'

const TOKEN = 'the-token-of-the-dashboard'
const WITH_A_PAGE = '<h1>Dashboard</h1>'

async function open(options: AppOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'dashboard-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'index.html'), WITH_A_PAGE)
  await writeFile(join(folder, 'main.js'), '')
  return openApp({ dashboardRoot: folder, ...options })
}

test('the page is served to anybody, with its policy, and has no secret', async () => {
  const { app } = await open({ dashboardToken: TOKEN })
  const response = await app.inject('/dashboard')
  expect([response.statusCode, response.body]).toEqual([200, WITH_A_PAGE])
  expect(response.headers['content-security-policy']).toContain("script-src 'self'")
  expect((await app.inject('/dashboard/main.js')).statusCode).toBe(200)
})

test('it stands beside the page of the chat', async () => {
  const pageRoot = await mkdtemp(join(tmpdir(), 'page-'))
  onTestFinished(() => rm(pageRoot, { recursive: true }))
  await writeFile(join(pageRoot, 'index.html'), '<h1>Chat</h1>')
  const { app } = await open({ dashboardToken: TOKEN, pageRoot })
  expect((await app.inject('/')).body).toBe('<h1>Chat</h1>')
  expect((await app.inject('/dashboard')).body).toBe(WITH_A_PAGE)
})

test.each([
  '/dashboard',
  '/dashboard/',
  '/dashboard/main.js',
  '/dashboard/token',
  '/dashboard/socket/websocket',
])('without a token %s is not found', async (url) => {
  const { app } = await open({ dashboardToken: null })
  const headers = { authorization: 'Bearer null' }
  const response = await app.inject({ url, headers })
  expect(response.json()).toMatchObject({ status: 404, code: 'not_found' })
})

test('says whether a token is the right one', async () => {
  const { app } = await open({ dashboardToken: TOKEN })
  const ask = async (authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization }
    const response = await app.inject({ url: '/dashboard/token', headers })
    return [response.statusCode, response.headers['www-authenticate']]
  }
  expect(await ask(`Bearer ${TOKEN}`)).toEqual([204, undefined])
  expect(await ask()).toEqual([401, 'Bearer'])
  for (const wrong of ['nonsense', `${TOKEN}x`, TOKEN.slice(1)]) {
    expect(await ask(`Bearer ${wrong}`)).toEqual([401, 'Bearer error="invalid_token"'])
  }
})

test('it is no part of the documented API', async () => {
  const { app } = await open({ dashboardToken: TOKEN })
  const { paths } = (await app.inject('/docs/openapi.json')).json()
  expect(Object.keys(paths).filter((path) => path.startsWith('/dashboard'))).toEqual([])
})
