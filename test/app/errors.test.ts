import { once } from 'node:events'
import { STATUS_CODES } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { InjectOptions } from 'fastify'
import { Check } from 'typebox/value'
import { expect, test } from 'vitest'
import { HttpError, Problem, problem, problemResponses } from '../../server/app/errors.ts'
import { openApp } from '../helpers/open-app.ts'

const messages = '/api/rooms/den/messages'
const json = { 'content-type': 'application/json' }

test.each<[status: number, code: string, request: InjectOptions]>([
  [400, 'invalid_request', { url: '/api/rooms/a,b' }],
  [400, 'invalid_request', { method: 'POST', url: messages, payload: {} }],
  [400, 'invalid_request', { method: 'POST', url: messages, payload: '{{', headers: json }],
  [400, 'invalid_request', { url: '/api/rooms/%zz' }],
  [404, 'not_found', { url: '/nowhere' }],
  [404, 'not_found', { method: 'DELETE', url: '/api/rooms' }],
  [413, 'too_large', { method: 'POST', url: messages, payload: { body: 'x'.repeat(100_000) } }],
  [414, 'uri_too_long', { url: `/api/rooms/${'x'.repeat(2_000)}` }],
  [
    415,
    'unsupported_media_type',
    { method: 'POST', url: messages, payload: '<a/>', headers: { 'content-type': 'text/xml' } },
  ],
])('%i is answered with a problem with code %s: %#', async (status, code, request) => {
  const { app } = await openApp()

  const response = await app.inject(request)

  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect([response.statusCode, response.json()]).toMatchObject([
    status,
    { status, code, title: STATUS_CODES[status] },
  ])
  expect(Check(Problem, response.json())).toBe(true)
})

test('the error for an unknown path does not repeat the query, which may contain a token', async () => {
  const { app } = await openApp()
  const response = await app.inject('/nowhere?token=secret')
  expect(response.json().detail).toBe('GET /nowhere does not exist.')
})

test('an internal error does not reveal its cause to the client', async () => {
  const { app } = await openApp()
  app.get('/broken', () => {
    throw new Error('password is hunter2')
  })

  const response = await app.inject('/broken')

  expect([response.statusCode, response.json()]).toEqual([
    500,
    { status: 500, code: 'internal', title: 'Internal Server Error', detail: 'The server failed.' },
  ])
})

test.each([{ statusCode: 200 }, { statusCode: 'x' }, null, 'text'])(
  'a thrown %j is answered with 500',
  async (thrown) => {
    const { app } = await openApp()
    app.get('/broken', () => Promise.reject(thrown))
    expect((await app.inject('/broken')).json()).toMatchObject({ status: 500, code: 'internal' })
  },
)

test('a status without its own code gets the general code for its kind', () => {
  expect(problem(416, '')).toMatchObject({ code: 'invalid_request', title: 'Range Not Satisfiable' })
  expect(problem(599, '')).toMatchObject({ code: 'internal', title: 'Error' })
})

test('while the server drains, all routes but health checks answer a problem with Retry-After', async () => {
  const { app } = await openApp()
  await app.ready()
  await app.endpoint.drain()

  const response = await app.inject('/api/rooms')

  expect(response.headers).toMatchObject({ 'retry-after': '1', connection: 'close' })
  expect([response.statusCode, response.json()]).toMatchObject([503, { status: 503, code: 'unavailable' }])
})

test('declares a problem for each status', () => {
  const declared = problemResponses(400, 503)
  expect(Object.keys(declared)).toEqual(['400', '503'])
  expect(declared['503']).toEqual({
    description: 'unavailable',
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  })
})

test('a refusal tells the client its reason, even with status 503', async () => {
  const { app } = await openApp()
  app.get('/busy', () => Promise.reject(new HttpError(503, 'Too much to do.')))
  expect((await app.inject('/busy')).json()).toMatchObject({ status: 503, detail: 'Too much to do.' })
})

test.each([
  ['no request', 'GARBAGE\r\n\r\n', 400],
  ['a head that is too long', `GET / HTTP/1.1\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
])('%s is answered with a problem, and the connection is closed', async (_what, bytes, status) => {
  const { app } = await openApp()
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(url.port), url.hostname)
  await once(socket, 'connect')

  socket.write(bytes)

  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
  expect(head).toMatch(
    new RegExp(`^HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem`),
  )
  expect(JSON.parse(body)).toMatchObject({ status, code: 'invalid_request' })
})
