import websocket from '@fastify/websocket'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import type { WebSocket } from 'ws'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { defineSocket, defineUntypedChannel, phoenix } from '../../../server/index.ts'

const channel = defineUntypedChannel('room:*', {
  join: (params) => ({ ok: Object(params) }),
  handleIn: { echo: (payload) => ({ ok: Object(payload) }) },
})

/** Where @fastify/websocket is registered after ours, with a route of the user's beside the mount. */
async function serve() {
  const app = fastify()
  onTestFinished(() => app.close())
  const socket = defineSocket({
    connectInfo: ['peerData', 'uri', 'xHeaders', 'cookies'],
    connect: ({ user }: { user?: string }, info) =>
      user === 'Eve' ? { error: 'no' } : { ok: { user, info } },
  }).channel(channel)
  await app.register(phoenix, { sockets: { '/socket': socket } })
  await app.register(websocket)
  app.get('/own', { websocket: true }, (ws) => ws.send('own'))
  await app.ready()
  return app
}

function next(ws: WebSocket): Promise<unknown> {
  return new Promise((resolve) => ws.once('message', (data) => resolve(JSON.parse(String(data)))))
}

test('app.injectWS reaches a mount', async () => {
  const app = await serve()
  const ws = await app.injectWS('/socket/websocket?vsn=2.0.0&user=Ann', {
    headers: { 'X-Trace': '7', cookie: 'a=b', host: 'chat.example' },
  })
  const [socket] = serverOf(app.endpoint).sockets
  expect(socket?.assigns).toEqual({
    user: 'Ann',
    info: {
      peerData: { address: '127.0.0.1', port: 0 },
      uri: {
        scheme: 'http',
        host: 'chat.example',
        port: null,
        path: '/socket/websocket',
        query: 'vsn=2.0.0&user=Ann',
      },
      xHeaders: [['x-trace', '7']],
      cookies: { a: 'b' },
    },
  })
  ws.send('["1","1","room:a","phx_join",{"n":1}]')
  expect(await next(ws)).toEqual(['1', '1', 'room:a', 'phx_reply', { status: 'ok', response: { n: 1 } }])
  ws.send('["1","2","room:a","echo",{"n":2}]')
  expect(await next(ws)).toEqual(['1', '2', 'room:a', 'phx_reply', { status: 'ok', response: { n: 2 } }])
  await app.endpoint.broadcast('room:a', 'news', { n: 3 })
  expect(await next(ws)).toEqual([null, null, 'room:a', 'news', { n: 3 }])
  ws.close()
  await new Promise((resolve) => ws.once('close', resolve))
  await expect.poll(() => serverOf(app.endpoint).sockets.size).toBe(0)
})

test('a refused handshake rejects with its status', async () => {
  const app = await serve()
  await expect(app.injectWS('/socket/websocket?vsn=2.0.0&user=Eve')).rejects.toThrow('403')
  await expect(app.injectWS('/socket/websocket?vsn=9.0.0')).rejects.toThrow('403')
  await expect(app.injectWS('/nowhere')).rejects.toThrow('404')
})

test('the server closes an injected connection with its code', async () => {
  const app = await serve()
  const ws = await app.injectWS('/socket/websocket?vsn=2.0.0')
  const closed = new Promise((resolve) => ws.once('close', resolve))
  const [socket] = serverOf(app.endpoint).sockets
  socket?.close(4001, 'closed')
  expect(await closed).toBe(4001)
})

test('routes of the user are reached as before', async () => {
  const app = await serve()
  const heard: string[] = []
  const onInit = (ws: WebSocket) => ws.once('message', (data) => heard.push(String(data)))
  const ws = await app.injectWS('/own', {}, { onInit })
  await expect.poll(() => heard).toEqual(['own'])
  ws.terminate()
})
