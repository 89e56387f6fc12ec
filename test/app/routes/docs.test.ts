import { expect, test, vi } from 'vitest'
import { faultsOf } from '../../helpers/async-api-schema.ts'
import { openApp } from '../../helpers/open-app.ts'

test('/docs/asyncapi.json describes the channels of the chat and the address of its socket', async () => {
  const { app } = await openApp({ allowedHosts: ['chat.example'] })

  const response = await app.inject({ url: '/docs/asyncapi.json', headers: { host: 'chat.example' } })

  expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
  const document = response.json()
  expect(faultsOf(document)).toEqual([])
  expect(document.servers.chat).toEqual({
    host: 'chat.example',
    pathname: '/socket/websocket',
    protocol: 'ws',
  })
  expect(Object.keys(document.operations)).toEqual([
    'room:*.receive.phx_join',
    'room:*.receive.new_msg',
    'room:*.receive.typing',
    'room:*.send.new_msg',
    'room:*.send.typing',
    'room:*.send.presence_state',
    'room:*.send.presence_diff',
    'room:*.send.presence_count',
  ])
})

test('behind a proxy with TLS, the protocol of the socket is wss', async () => {
  const { app } = await openApp({ trustProxy: ['127.0.0.1'] })
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'chat.example' }
  const response = await app.inject({ url: '/docs/asyncapi.json', headers })
  expect(response.json().servers.chat).toMatchObject({ host: 'chat.example', protocol: 'wss' })
})

test('/docs is a page that shows the routes and the channels', async () => {
  const { app } = await openApp()
  const response = await app.inject('/docs')
  expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(response.headers['content-security-policy']).toContain("script-src 'self'")
  for (const text of ['POST /api/rooms/{room}/messages', 'GET /readyz', 'room:{subtopic}', 'presence_diff']) {
    expect(response.body).toContain(text)
  }
})

test('the documents are generated once', async () => {
  const { app } = await openApp()
  const made = vi.spyOn(app, 'swagger')
  for (const url of ['/docs', '/docs', '/docs/openapi.json']) await app.inject(url)
  expect(made).toHaveBeenCalledTimes(1)
})

test('the page has no inline script or style', async () => {
  const { app } = await openApp()
  const { body } = await app.inject('/docs')
  expect(body).not.toMatch(/<script|<style|style=|javascript:/)
})

test('the page states which routes require a token', async () => {
  const { app } = await openApp({ apiToken: 'a-token-of-the-tests' })
  const rows = (await app.inject('/docs')).body.split('<dt>')
  expect(rows.find((row) => row.startsWith('POST /admin/broadcast<'))).toContain('Requires a token.')
  expect(rows.find((row) => row.startsWith('GET /api/session<'))).not.toContain('Requires a token.')
})
