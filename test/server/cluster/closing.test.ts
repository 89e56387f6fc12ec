import { once } from 'node:events'
import { Agent, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { Closing } from '../../../server/cluster/closing.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { certificate, Http2Client } from '../../helpers/http2.ts'

/** An app that listens, and answers when it is told to. */
async function listen() {
  const app = fastify()
  const [asked, answer] = [new Deferred(), new Deferred<string>()]
  app.get('/', () => 'at once')
  app.get('/slow', () => {
    asked.resolve()
    return answer.promise
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const closing = new Closing(app.server)
  const pause = () => closing.pause()
  const close = async () => {
    await closing.pause()
    await closing.end()
    await app.close()
  }
  onTestFinished(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return { app, pause, close, port, asked, answer }
}

async function get(port: number, path: string, agent?: Agent) {
  const asking = request({ port, path, host: '127.0.0.1', ...(agent && { agent }) }).end()
  const [response] = await once(asking, 'response')
  return { body: await text(response), connection: response.headers.connection }
}

test('a paused app refuses new connections, and finishes pending responses', async () => {
  const { pause, close, port, asked, answer } = await listen()
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  expect((await get(port, '/', agent)).connection).toBe('keep-alive')
  const slow = get(port, '/slow', agent)
  await asked.promise

  const paused = pause()
  await expect(get(port, '/')).rejects.toThrow('ECONNREFUSED')
  await paused
  const closed = close()
  answer.resolve('here you are')
  expect(await slow).toEqual({ body: 'here you are', connection: 'close' })
  await closed
})

test('a connection that was accepted before the pause is still served', async () => {
  const { app, pause, port } = await listen()
  const early = connect(port, '127.0.0.1')
  await Promise.all([once(early, 'connect'), once(app.server, 'connection')])
  const paused = pause()
  early.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await text(early)).toContain('at once')
  await paused
})

test('a pause ends sooner if no connection is open, and can be called twice', async () => {
  const { app, port, pause } = await listen()
  const silent = connect(port, '127.0.0.1')
  await Promise.all([once(silent, 'connect'), once(app.server, 'connection')])
  const other = await listen()
  const order: string[] = []
  const waiting = pause().then(() => order.push('with a connection'))
  await Promise.all([other.pause(), other.pause()])
  order.push('without connections')
  await waiting
  silent.destroy()
  expect(order).toEqual(['without connections', 'with a connection'])
})

test('closing after a pause ends requests that are never answered', async () => {
  const { close, port, asked } = await listen()
  const slow = get(port, '/slow')
  await asked.promise
  await Promise.all([close(), expect(slow).rejects.toThrow('socket hang up')])
})

test('closing ends a connection on which nothing was ever sent', async () => {
  const { app, close, port } = await listen()
  const silent = connect(port, '127.0.0.1')
  await Promise.all([once(silent, 'connect'), once(app.server, 'connection')])
  await Promise.all([close(), once(silent, 'close')])
})

test('closes an HTTP/2 server, and the app closes its sessions', async () => {
  const app = fastify({ http2: true, https: certificate, forceCloseConnections: true })
  app.get('/', () => 'at once')
  onTestFinished(() => app.close())
  const client = new Http2Client(await app.listen({ port: 0, host: '127.0.0.1' }))
  expect(await client.request('/')).toMatchObject({ status: 200, body: 'at once' })
  const closing = new Closing(app.server as unknown as Server)
  await closing.pause()
  await closing.end()
  const closed = once(client.session, 'close')
  await app.close()
  await closed
})
