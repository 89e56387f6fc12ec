import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { openApp } from '../../helpers/open-app.ts'

describe('the rate limit', () => {
  const ask = (app: FastifyInstance, headers: Record<string, string> = {}, remoteAddress = '10.0.0.1') =>
    app.inject({ url: '/api/rooms', headers, remoteAddress })

  test('answers 429 with a Retry-After to an address that exceeds it', async () => {
    const { app } = await openApp({ rateLimit: 2 })
    for (let n = 0; n < 2; n++) expect((await ask(app)).statusCode).toBe(200)

    const refused = await ask(app)

    expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited', title: 'Too Many Requests' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask(app, {}, '10.0.0.2')).statusCode).toBe(200)
  })

  test('counts all routes of the API together', async () => {
    const { app } = await openApp({ rateLimit: 1 })
    await ask(app)
    expect((await app.inject({ url: '/api/rooms/den', remoteAddress: '10.0.0.1' })).statusCode).toBe(429)
  })

  test.each([
    '/docs',
    '/docs/openapi.json',
    '/docs/asyncapi.json',
    '/metrics',
    '/absent',
    '/api/absent',
    '/',
  ])('counts %s, too', async (url) => {
    const { app } = await openApp({ rateLimit: 2 })
    const get = () => app.inject({ url, remoteAddress: '10.0.0.1' })
    for (let n = 0; n < 2; n++) expect((await get()).statusCode).toBeLessThan(429)
    expect((await get()).json()).toMatchObject({ status: 429, code: 'rate_limited' })
  })

  test('counts an IPv6 address as its network', async () => {
    const { app } = await openApp({ rateLimit: 1 })
    expect((await ask(app, {}, '2001:db8::1')).statusCode).toBe(200)
    expect((await ask(app, {}, '2001:db8::2')).statusCode).toBe(429)
  })

  test('counts requests with a wrong token', async () => {
    const { app } = await openApp({ rateLimit: 1, apiToken: 'a-token-of-the-tests' })
    const guess = () => app.inject({ method: 'POST', url: '/admin/sockets/a/disconnect' })
    expect([(await guess()).statusCode, (await guess()).statusCode]).toEqual([401, 429])
  })

  test('does not count health checks and sockets', async () => {
    const { app } = await openApp({ rateLimit: 1 })
    for (const url of ['/healthz', '/readyz', '/socket/longpoll?vsn=2.0.0']) {
      for (let n = 0; n < 3; n++) {
        const { statusCode, headers } = await app.inject(url)
        expect([url, statusCode, headers['x-ratelimit-limit']]).toEqual([url, 200, undefined])
      }
    }
  })

  test('is off with 0', async () => {
    const { app } = await openApp({ rateLimit: 0 })
    expect((await ask(app)).headers).not.toHaveProperty('x-ratelimit-limit')
  })

  test('ignores X-Forwarded-For by default', async () => {
    const { app } = await openApp({ rateLimit: 1 })
    expect((await ask(app, { 'x-forwarded-for': '1.1.1.1' })).statusCode).toBe(200)
    expect((await ask(app, { 'x-forwarded-for': '2.2.2.2' })).statusCode).toBe(429)
  })

  test('uses X-Forwarded-For of the proxies in TRUST_PROXY, up to the first address that is not one of them', async () => {
    const { app } = await openApp({ rateLimit: 1, trustProxy: ['10.0.0.0/8'] })
    const codes = async (...requests: [forwarded: string, from: string][]) => {
      const answers = []
      for (const [forwarded, from] of requests) {
        answers.push((await ask(app, { 'x-forwarded-for': forwarded }, from)).statusCode)
      }
      return answers
    }
    // The last: whoever is no proxy cannot take another's address, and cannot escape by inventing one.
    expect(
      await codes(['1.1.1.1', '10.0.0.1'], ['2.2.2.2', '10.0.0.1'], ['9.9.9.9, 1.1.1.1', '10.0.0.2']),
    ).toEqual([200, 200, 429])
    expect(await codes(['4.4.4.4', '3.3.3.3'], ['5.5.5.5', '3.3.3.3'])).toEqual([200, 429])
  })
})

describe('pages of other origins', () => {
  const origin = 'https://shop.example'
  const preflight = {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  } as const

  test('cannot read the API by default', async () => {
    const { app } = await openApp()
    const response = await app.inject({ url: '/api/rooms', headers: { origin } })
    expect(response.headers).not.toHaveProperty('access-control-allow-origin')
    expect((await app.inject({ ...preflight, url: '/api/rooms/den/messages' })).statusCode).toBe(404)
  })

  test('can read the API and its errors if CORS_ORIGIN lists them; others cannot', async () => {
    const { app } = await openApp({ corsOrigins: [origin, 'https://b.example'] })
    for (const url of ['/api/rooms', '/api/rooms/a,b']) {
      const response = await app.inject({ url, headers: { origin } })
      expect(response.headers['access-control-allow-origin']).toBe(origin)
    }
    const other = await app.inject({ url: '/api/rooms', headers: { origin: 'https://evil.example' } })
    expect(other.headers).not.toHaveProperty('access-control-allow-origin')
    expect(other.headers['vary']).toBe('Origin')
  })

  test('can all read the API with *', async () => {
    const { app } = await openApp({ corsOrigins: ['*'] })
    const response = await app.inject({ url: '/api/rooms', headers: { origin } })
    expect(response.headers['access-control-allow-origin']).toBe('*')
    expect(response.headers).not.toHaveProperty('access-control-allow-credentials')
  })

  test('can send a preflight without a token, and preflights count for the rate limit', async () => {
    const { app } = await openApp({ corsOrigins: [origin], apiToken: 'a-token-of-the-tests', rateLimit: 1 })
    for (let n = 0; n < 3; n++) {
      const response = await app.inject({ ...preflight, url: '/api/rooms/den/messages' })
      expect(response.statusCode).toBe(204)
      expect(response.headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'authorization,content-type',
      })
    }
  })

  test('cannot read routes outside of the API', async () => {
    const { app } = await openApp({ corsOrigins: ['*'] })
    const response = await app.inject({ url: '/readyz', headers: { origin } })
    expect(response.headers).not.toHaveProperty('access-control-allow-origin')
  })
})
