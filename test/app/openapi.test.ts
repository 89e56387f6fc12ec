import { expect, test } from 'vitest'
import type { AppOptions } from '../../server/app/app.ts'
import { follow } from '../helpers/async-api-schema.ts'
import { openApp } from '../helpers/open-app.ts'
import { AUTH_SECRET } from '../helpers/tokens.ts'

async function operations(options: AppOptions = {}) {
  const { app } = await openApp(options)
  const document = (await app.inject('/docs/openapi.json')).json()
  const found = Object.entries<Record<string, never>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
  )
  return { document, operations: Object.fromEntries<Record<string, never>>(found) }
}

const writes = ['post /api/rooms/{room}/messages']
const reads = ['get /api/rooms', 'get /api/rooms/{room}', 'get /api/rooms/{room}/messages']

test('the document has the API, the health routes and the metrics, and nothing else', async () => {
  const { document, operations: found } = await operations()
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Chat', version: '1.0.0' } })
  expect(Object.keys(found).sort()).toEqual([
    ...reads,
    'get /api/session',
    'get /healthz',
    'get /metrics',
    'get /readyz',
    ...writes,
  ])
})

test('every operation has a summary, and a tag that is described', async () => {
  const { document, operations: found } = await operations()
  const tags = document.tags.map(({ name }: { name: string }) => name)
  for (const operation of Object.values(found)) {
    expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.toBeOneOf(tags)] })
  }
})

test('each route of the API declares its possible errors with one shared schema', async () => {
  const { document, operations: found } = await operations()
  const errors = [...reads, ...writes].map((name) => {
    const answers = Object.entries<{ content: Record<string, { schema: object }> }>(
      found[name]?.['responses'] ?? {},
    )
    const failures = answers.filter(([status]) => Number(status) >= 400)
    for (const [, { content }] of failures) {
      expect(content).toEqual({
        'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
      })
    }
    return failures.map(([status]) => status).join(' ')
  })
  expect(errors).toEqual([
    '400 429 500 503',
    '400 414 429 500 503',
    '400 414 429 500 503',
    '400 413 414 415 422 429 500 503',
  ])
  expect(follow(document, '#/components/schemas/Problem')).toMatchObject({
    required: ['status', 'code', 'title', 'detail'],
  })
})

test('with API_TOKEN, write requests need the token and read requests do not', async () => {
  const { document, operations: found } = await operations({ apiToken: 'a-token-of-the-tests' })
  const bearer = { security: [{ bearer: [] }], responses: { 401: expect.anything() } }
  for (const name of writes) expect(found[name]).toMatchObject(bearer)
  for (const name of reads) expect(found[name]).not.toHaveProperty('security')
  const operators = Object.entries(found).filter(([name]) => name.includes(' /admin/'))
  expect(operators).toHaveLength(9)
  for (const [, operation] of operators) expect(operation).toMatchObject({ security: [{ bearer: [] }] })
  expect(document.components.securitySchemes).toEqual({ bearer: { type: 'http', scheme: 'bearer' } })
})

test('with users, all routes of the API need a token, and the routes for operators are absent', async () => {
  const { operations: found } = await operations({ authSecret: AUTH_SECRET })
  const [say = ''] = writes
  const closed = { security: [{ bearer: [] }], responses: { 401: expect.anything(), 403: expect.anything() } }
  for (const name of [...reads, say]) expect(found[name]).toMatchObject(closed)
  expect(Object.keys(found).filter((name) => name.includes('/admin/'))).toEqual([])
})

test('without a token and a rate limit, the document declares neither 401 nor 429', async () => {
  const { operations: found } = await operations({ rateLimit: 0 })
  for (const name of [...writes, ...reads]) {
    expect(found[name]).not.toHaveProperty('security')
    expect(Object.keys(found[name]?.['responses'] ?? {})).not.toEqual(expect.arrayContaining(['429']))
  }
})
