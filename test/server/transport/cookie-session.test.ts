import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import fastify from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { defineSocket, phoenix } from '../../../server/index.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'

declare module 'fastify' {
  interface Session {
    name?: string
    csrf?: string
  }
  interface FastifyRequest {
    visit: number
  }
}

/** A server with sessions, whose socket lets in those who have signed in and show the session's CSRF token. */
async function serve() {
  const app = fastify()
  const seen: unknown[] = []
  onTestFinished(() => app.close())
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret: 'a secret of at least 32 characters',
    cookie: { secure: false },
    saveUninitialized: false,
  })
  app.decorateRequest('visit', 0)
  app.addHook('preValidation', async (request) => {
    request.visit = 7
  })
  app.post('/sign-in', async ({ session }) => {
    session.name = 'Ann'
    session.csrf = 'c5rf'
    return { csrf: session.csrf }
  })
  const UserSocket = defineSocket({
    params: Type.Object({ csrf: Type.String() }),
    connectInfo: ['cookies', 'headers', 'request'],
    connect({ csrf }, { cookies, headers, request: { session, visit, cookies: parsed } }) {
      seen.push({ visit, agent: headers['user-agent'], isSame: cookies['sessionId'] === parsed['sessionId'] })
      if (session.name === undefined || session.csrf !== csrf) return { error: 'signed out' }
      return { ok: { name: session.name } }
    },
  }).id(({ name }) => name)
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, longpoll: true } } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, base, seen, url: `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0&csrf=` }
}

/** The Cookie header of somebody who has signed in. */
async function signIn(base: string): Promise<string> {
  const { headers } = await request(`${base}/sign-in`, { method: 'POST' })
  return String(headers['set-cookie']?.[0]?.split(';')[0])
}

test('connect gets the session of @fastify/session over WebSocket', async () => {
  const { app, base, seen, url } = await serve()
  const cookie = await signIn(base)
  await connect(`${url}c5rf`, { headers: { cookie, 'user-agent': 'a browser' } })
  expect([...serverOf(app.endpoint).sockets].map(({ id }) => id)).toEqual(['Ann'])
  expect(seen).toEqual([{ visit: 7, agent: 'a browser', isSame: true }])
})

test('connect gets the session of the first request over long-poll', async () => {
  const { app, base, seen } = await serve()
  const cookie = await signIn(base)
  const opened = await request(`${base}/socket/longpoll?vsn=2.0.0&csrf=c5rf`, { headers: { cookie } })
  expect(JSON.parse(opened.body)).toMatchObject({ status: 410, token: expect.any(String) })
  expect([...serverOf(app.endpoint).sockets].map(({ id }) => id)).toEqual(['Ann'])
  expect(seen).toEqual([{ visit: 7, agent: undefined, isSame: true }])
})

test.each([
  ['no cookie', '', 'c5rf'],
  ['a forged cookie', 'sessionId=abc.def', 'c5rf'],
  ['the token of another session', null, 'other'],
])('a client with %s is refused', async (_title, cookie, csrf) => {
  const { base, url } = await serve()
  const headers = { cookie: cookie ?? (await signIn(base)) }
  expect((await upgrade(url + csrf, headers)).status).toBe(403)
})
