import fastify, { type FastifyRequest } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { EndpointServer } from '../../../server/endpoint/endpoint.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { PeerAddress } from '../../../server/socket/peer-address.ts'
import { admit, checkOrigin } from '../../../server/transport/admit.ts'
import { Capacity } from '../../../server/transport/capacity.ts'
import { type MountOptions, resolveMount } from '../../../server/transport/mount.ts'
import { queryOf, uriOf } from '../../../server/transport/request-source.ts'

const accepting = defineSocket({ connect: (params, info) => ({ ok: { params, info } }) })

/** Result of `use` for a request, in a route with a variable. */
async function ask<T>(
  use: (request: FastifyRequest) => T,
  url: string,
  headers: Record<string, string> = {},
) {
  const app = fastify()
  app.decorate('endpoint', new EndpointServer())
  onTestFinished(() => app.close())
  let result: Awaited<T> | undefined
  app.get('/socket/:room', async (request) => {
    result = await use(request)
    return {}
  })
  await app.inject({ url, headers })
  return result
}

function admitted(url: string, options: Partial<MountOptions> = {}, headers: Record<string, string> = {}) {
  const mount = resolveMount('/socket', { socket: accepting, ...options })
  const endpoint = new EndpointServer()
  const asked = {
    endpoint,
    capacity: new Capacity(endpoint),
    mount,
    address: new PeerAddress(undefined),
    authToken: 'token',
  }
  return ask((request) => admit({ ...asked, request, query: queryOf(request) }), url, headers)
}

test('the params are the decoded query and the variables of the path, which take precedence (PARAMS-3)', async () => {
  expect(await admitted('/socket/lobby?vsn=2.0.0&a[b]=1+2&room=other')).toMatchObject({
    handshake: { assigns: { params: { vsn: '2.0.0', a: { b: '1 2' }, room: 'lobby' }, info: {} } },
  })
})

test('connect gets the parts of the request that the mount lists', async () => {
  const connectInfo = ['peerData', 'uri', 'userAgent', 'authToken'] as const
  const headers = { host: 'example.com:4000', 'user-agent': 'test/1' }
  expect(await admitted('/socket/lobby?a=1', { connectInfo }, headers)).toMatchObject({
    handshake: {
      assigns: {
        info: {
          peerData: { address: '127.0.0.1' },
          uri: { scheme: 'http', host: 'example.com', port: 4000, path: '/socket/lobby', query: 'a=1' },
          userAgent: 'test/1',
          authToken: 'token',
        },
      },
    },
  })
})

test("the connection is closed by the mount's drainer", async () => {
  expect(await admitted('/socket/lobby', { drainer: { batchSize: 3 } })).toMatchObject({
    handshake: { drainer: { batchSize: 3 } },
  })
})

const boom = () => {
  throw new Error('boom')
}
test.each([
  ['a query that is not UTF-8', '/socket/lobby?a=%ff', accepting, 400, null],
  ['an unsupported version', '/socket/lobby?vsn=9.0.0', accepting, 403, null],
  ['a connect that throws', '/socket/lobby', defineSocket({ connect: boom }), 500, null],
  [
    'a connect that refuses',
    '/socket/lobby',
    defineSocket({ connect: () => ({ error: 'no' }) }),
    403,
    { reason: 'no', info: {} },
  ],
])('%s is rejected', async (_what, url, socket, status, refusal) => {
  expect(await admitted(url, { socket })).toEqual({ handshake: null, status, refusal })
})

test.each([
  [undefined, null],
  ['http://example.com', null],
  ['http://evil.example', 403],
  ['null', 403],
])('the origin %s is checked before anything else (ORIGIN-1)', async (origin, status) => {
  const mount = resolveMount('/socket', accepting)
  const headers = { host: 'example.com', ...(origin === undefined ? {} : { origin }) }
  const rejection = await ask((request) => checkOrigin(mount, request), '/socket/lobby', headers)
  expect(rejection?.status ?? null).toBe(status)
})

test.each([
  ['example.com', 'example.com', null],
  ['example.com:4000', 'example.com', 4000],
  ['[::1]:4000', '[::1]', 4000],
  ['[::1]', '[::1]', null],
])('reads the host %s', async (header, host, port) => {
  expect(await ask(uriOf, '/socket/lobby?', { host: header })).toEqual({
    scheme: 'http',
    host,
    port,
    path: '/socket/lobby',
    query: '',
  })
})
