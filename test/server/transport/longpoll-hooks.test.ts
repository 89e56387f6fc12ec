import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'
import { catchUncaught } from '../../helpers/catch-uncaught.ts'
import { JOIN, JOINED, open, serve } from '../../helpers/poll-server.ts'
import { request } from '../../helpers/raw-http.ts'

const REFUSAL = { statusCode: 401, error: 'Unauthorized', message: 'no' }

type Prepare = (app: FastifyInstance) => void

/** Ways in which an application answers a request before we do. */
const ways: [how: string, prepare: Prepare][] = [
  ['replies', (app) => app.addHook('onRequest', async (_request, reply) => reply.code(401).send(REFUSAL))],
  [
    'throws',
    (app) =>
      app.addHook('preHandler', async () => {
        throw Object.assign(new Error('no'), { statusCode: 401 })
      }),
  ],
  [
    'replies with a stream',
    (app) =>
      app.addHook('preValidation', async (_request, reply) =>
        reply
          .code(401)
          .type('application/json')
          .send(Readable.from([JSON.stringify(REFUSAL)])),
      ),
  ],
]

test.each(ways)('if a hook %s, its status is sent without a body (LONGPOLL-2)', async (_how, prepare) => {
  const { url } = await serve({ prepare })
  const answer = await request(`${url}?vsn=2.0.0`)
  expect(answer).toMatchObject({ status: 401, body: '' })
  expect(answer.headers['content-type']).toBeUndefined()
  expect(answer.headers['content-length']).toBe('0')
})

test('if a hook refuses a POST, its status is sent without a body (LONGPOLL-2)', async () => {
  const prepare: Prepare = (app) =>
    app.addHook('preHandler', async (asked, reply) =>
      asked.method === 'POST' ? reply.code(429).send({ statusCode: 429 }) : undefined,
    )
  const session = await open({ prepare })
  const answer = await request(session.own, { method: 'POST', body: '[]' })
  expect(answer).toMatchObject({ status: 429, body: '' })
})

test('the token of a session is never logged, whatever happens', async () => {
  const lines: string[] = []
  const logger = { level: 'trace', stream: { write: (line: string) => void lines.push(line) } }
  const prepare: Prepare = (app) =>
    app.addHook('preHandler', async (asked) => {
      if ('x-crash' in asked.headers) throw new Error('crashed')
    })
  const session = await open({ server: { logger }, prepare, plugin: { secret: 'the same secret on both' } })
  await session.post('["1","1","room:m","phx_join",{}]')
  await session.poll()
  await request(session.own, { headers: { 'x-crash': '1' } })
  await request(session.own, { method: 'POST', headers: { 'x-crash': '1' } })
  await request(session.own, { headers: { origin: 'http://evil.test' } })
  await session.post('{{')
  await session.poll()
  await request(`${session.own}&raise=1`)
  await session.app.endpoint.drain()
  await request(session.own)
  expect(lines.length).toBeGreaterThan(3)
  const token = new URL(session.own).searchParams.get('token') ?? ''
  expect(lines.filter((line) => line.includes(token) || line.includes(encodeURIComponent(token)))).toEqual([])
})

test('connect does not get the token of an ended session, neither as a param nor in the uri', async () => {
  const session = await open({ connectInfo: ['uri'] })
  await session.post('{{')
  await session.poll()
  await session.app.inject({ url: session.own.slice(session.url.indexOf('/socket')) })
  expect(session.given.map(({ params, info }) => [params['token'], info.uri?.query])).toEqual(
    Array(3).fill([undefined, 'vsn=2.0.0']),
  )
})

test('a body that a hook has replaced, and that fails while its POST waits, is answered 400', async () => {
  const prepare: Prepare = (app) =>
    app.addHook('preParsing', async (asked, _reply, body) =>
      asked.headers['content-encoding'] === 'gzip' ? body.pipe(createGunzip()) : body,
    )
  const errors = catchUncaught()
  const session = await open({ prepare })
  // A POST whose body does not arrive. The next POST waits for its turn.
  const first = httpRequest(session.own, { method: 'POST', headers: { 'content-length': '10' } })
  first.on('error', () => {})
  const arrived = once(session.app.server, 'request')
  first.flushHeaders()
  await arrived
  const second = request(session.own, {
    method: 'POST',
    headers: { 'content-encoding': 'gzip' },
    body: 'not compressed',
  })
  await once(session.app.server, 'request')
  // The stream fails in another thread.
  await delay(200)
  first.destroy()
  expect(await second).toMatchObject({ status: 400, body: '' })
  expect(errors).toEqual([])
})

test('if a hook fails for the answer of a poll, the next poll gets the messages (LONGPOLL-4)', async () => {
  let fails = false
  const prepare: Prepare = (app) =>
    app.addHook('onSend', async () => {
      if (!fails) return
      fails = false
      throw new Error('failed')
    })
  const session = await open({ prepare })
  await session.post(JOIN)
  fails = true
  expect(await request(session.own)).toMatchObject({ status: 500, body: '' })
  expect((await session.poll()).messages).toEqual([JOINED])
})
