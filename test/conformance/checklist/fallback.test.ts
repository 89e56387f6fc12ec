import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { provideXmlHttpRequest } from '../../helpers/xml-http-request.ts'
import type { Options } from './fixture.ts'
import { answer, connected, load, scenario, storage } from './official-client.ts'

const MOUNT: Options = { longpoll: { windowMs: 500 } }

describe('the official client by long-poll', () => {
  it('B211 the client joins, chats and leaves over long-poll, and sends bytes', async () => {
    const { LongPoll } = load('phoenix')
    const { socket } = await connected('phoenix', { transport: LongPoll }, MOUNT)
    await scenario(socket)
    const channel = socket.channel('room:n', {})
    await answer(channel.join())
    expect(await answer(channel.push('objectreply', new ArrayBuffer(3)))).toEqual({ a: 1 })
  })

  it('B212 the client falls back to long-poll if there is no WebSocket', async () => {
    const stored = new Map<string, string>()
    const { socket } = await connected(
      'phoenix',
      { transport: WebSocket, longPollFallbackMs: 1_000, sessionStorage: storage(stored) },
      { ...MOUNT, websocket: false },
    )
    await answer(socket.channel('room:m', {}).join())
    expect([...stored.values()]).toEqual(['true'])
  })

  it.each(['phoenix', 'phoenix-1.7', 'phoenix-1.6', 'phoenix-1.5', 'phoenix-1.4', 'phoenix-1.3'])(
    '%s sends 30 pushes in one turn, each in its own POST up to 1.6 (LONGPOLL-7)',
    async (version) => {
      provideXmlHttpRequest(version === 'phoenix-1.3')
      const { LongPoll } = load(version)
      const { socket } = await connected(version, { transport: LongPoll }, MOUNT)
      const closings: unknown[] = []
      socket.onError((error) => void closings.push(error))
      const channel = socket.channel('room:m', {})
      await answer(channel.join())
      const pushes = Array.from({ length: 30 }, (_, n) => answer(channel.push('echo', { n })))
      expect(await Promise.all(pushes)).toEqual(Array.from({ length: 30 }, (_, n) => ({ n })))
      expect(closings).toEqual([])
    },
  )

  it.each(['phoenix', 'phoenix-1.3'])(
    '%s reconnects after a hook of the application refused a poll with JSON (LONGPOLL-2)',
    async (version) => {
      provideXmlHttpRequest(version === 'phoenix-1.3')
      const { LongPoll } = load(version)
      const refusals = { left: 2 }
      const prepare = (app: FastifyInstance) =>
        app.addHook('onRequest', async (_request, reply) => {
          if (refusals.left === 0) return
          refusals.left -= 1
          await reply.code(401).send({ statusCode: 401, error: 'Unauthorized' })
        })
      const { socket } = await connected(version, { transport: LongPoll }, MOUNT, prepare)
      await answer(socket.channel('room:m', {}).join())
      expect(refusals.left).toBe(0)
    },
  )
})
