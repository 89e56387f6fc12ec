import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../../helpers/until.ts'
import { serve } from './fixture.ts'
import { answer, connected, scenario, storage } from './official-client.ts'

describe('official clients', () => {
  it('B209 the current client joins, chats, leaves, and reconnects after a crash, 1001 and 1012', async () => {
    const { server, socket } = await connected('phoenix', { transport: WebSocket, params: { user: 'u1' } })
    await scenario(socket)
    const codes: number[] = []
    socket.onClose(({ code }) => {
      codes.push(code)
    })
    const channel = socket.channel('room:n', {})
    await answer(channel.join())
    await server.app.endpoint.disconnect('u1')
    await until(() => codes.length === 1 && channel.state === 'joined')
    await server.app.close()
    await until(() => channel.state === 'errored')
    await serve({}, Number(new URL(server.base).port))
    await until(() => channel.state === 'joined')
    expect(codes.slice(0, 2)).toEqual([1001, 1012])
  })

  it.each(['phoenix-1.7', 'phoenix-1.6', 'phoenix-1.5', 'phoenix-1.4', 'phoenix-1.3'])(
    'B210 %s joins, chats, leaves, and rejoins after a crash',
    async (version) => {
      const { socket } = await connected(version, { transport: WebSocket })
      await scenario(socket)
    },
  )

  it('B212 the client keeps a WebSocket that answers its ping', async () => {
    const stored = new Map<string, string>()
    const { socket } = await connected('phoenix', {
      transport: WebSocket,
      longPollFallbackMs: 1_000,
      sessionStorage: storage(stored),
    })
    await answer(socket.channel('room:m', {}).join())
    expect(socket.endPointURL()).toContain('/websocket')
    expect([...stored.values()]).toEqual([])
  })
})
