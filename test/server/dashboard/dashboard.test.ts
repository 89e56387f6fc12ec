import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import type { AppOptions } from '../../../server/app/app.ts'
import { dashboard } from '../../../server/dashboard/index.ts'
import { phoenix } from '../../../server/index.ts'
import { openApp } from '../../helpers/open-app.ts'

const TOKEN = 'the-token-of-the-dashboard'
const WITH_A_PAGE = '<html data-access="token"><script src="dashboard/main.js"></script>'

async function folderOfPage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dashboard-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'index.html'), WITH_A_PAGE)
  await writeFile(join(folder, 'main.js'), '')
  return folder
}

/** The chat with a dashboard. */
async function open(options: AppOptions) {
  return openApp({ dashboardRoot: await folderOfPage(), ...options })
}

test('the page is public, has its content security policy, and contains no secret', async () => {
  const { app } = await open({ dashboardToken: TOKEN })
  const response = await app.inject('/dashboard')
  expect([response.statusCode, response.body]).toEqual([200, WITH_A_PAGE])
  expect(response.headers['content-security-policy']).toContain("script-src 'self'")
  expect((await app.inject('/dashboard/main.js')).statusCode).toBe(200)
})

test('the dashboard can be served beside the page of the chat', async () => {
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

test('GET /dashboard/token says whether a token is valid', async () => {
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

test('the dashboard is not part of the documented API', async () => {
  const { app } = await open({ dashboardToken: TOKEN })
  const { paths } = (await app.inject('/docs/openapi.json')).json()
  expect(Object.keys(paths).filter((path) => path.startsWith('/dashboard'))).toEqual([])
})

test('it can be served on another port, under any path, and with a function instead of a token', async () => {
  const [app, operator] = [fastify(), fastify()]
  onTestFinished(async () => {
    await Promise.all([app.close(), operator.close()])
  })
  await app.register(phoenix, { sockets: {} })
  await operator.register(dashboard, {
    endpoint: app.endpoint,
    path: '/ops/live',
    root: await folderOfPage(),
    authorize: ({ headers }) => headers['x-operator'] === 'yes',
  })
  const { body, headers } = await operator.inject('/ops/live')
  expect(body).toBe('<html data-access="request"><script src="live/main.js"></script>')
  expect(headers['content-security-policy']).toContain("default-src 'none'")
  expect((await operator.inject('/ops/live/main.js')).statusCode).toBe(200)
  expect((await operator.inject('/ops/live/token')).statusCode).toBe(401)
  const known = await operator.inject({ url: '/ops/live/token', headers: { 'x-operator': 'yes' } })
  expect(known.statusCode).toBe(204)
  expect((await app.inject('/ops/live')).statusCode).toBe(404)
})

test('the dashboard does not start without access control', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: {} })
  await expect(app.register(dashboard, { endpoint: app.endpoint })).rejects.toThrow(
    'the option `token` or `authorize` is required',
  )
})
