import { expect, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'

test.each(['/api/rooms', '/nowhere', '/api/rooms/a,b'])('%s has the security headers', async (url) => {
  const { app } = await openApp()
  const { headers } = await app.inject(url)
  expect(headers['content-security-policy']?.split(';').sort()).toEqual([
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
  ])
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000',
    'cross-origin-opener-policy': 'same-origin',
  })
})

test.each(['/socket/longpoll?vsn=2.0.0', '/healthz'])(
  '%s, which browsers do not show, has no security headers',
  async (url) => {
    const { app } = await openApp()
    const { headers } = await app.inject(url)
    expect(headers).not.toHaveProperty('content-security-policy')
  },
)
