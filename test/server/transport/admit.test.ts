import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, phoenix } from '../../../server/index.ts'
import { uriOf } from '../../../server/transport/admit.ts'

/** What a server sees of a request to this address, with this Host header. */
async function uri(url: string, host: string) {
  const app = fastify()
  onTestFinished(() => app.close())
  app.get('/*', (request, reply) => reply.send(uriOf(request)))
  return (await app.inject({ url, headers: { host } })).json()
}

test('an address has its scheme, host, port, path and query', async () => {
  expect(await uri('/socket/websocket?vsn=2.0.0&a=?', 'page.test:4000')).toEqual({
    scheme: 'http',
    host: 'page.test',
    port: 4000,
    path: '/socket/websocket',
    query: 'vsn=2.0.0&a=?',
  })
})

test('what an address does not name is null or empty', async () => {
  expect(await uri('/socket', 'page.test')).toMatchObject({ host: 'page.test', port: null, query: '' })
})

test('the colons of an IPv6 address begin no port', async () => {
  expect(await uri('/', '[::1]')).toMatchObject({ host: '[::1]', port: null })
  expect(await uri('/', '[::1]:4000')).toMatchObject({ host: '[::1]', port: 4000 })
})

test.each(['websocket', 'longpoll'])(
  '%s refuses another method with an empty 400, whatever its body',
  async (path) => {
    const app = fastify()
    onTestFinished(() => app.close())
    const socket = defineSocket({ connect: () => ({ ok: {} }) })
    await app.register(phoenix, { sockets: { '/socket': { socket, longpoll: true } } })
    for (const type of ['application/json', 'application/x-unknown', 'no type']) {
      const request = {
        method: 'PUT',
        url: `/socket/${path}`,
        headers: { 'content-type': type },
        payload: '{',
      } as const
      expect(await app.inject(request)).toMatchObject({ statusCode: 400, body: '' })
    }
  },
)
