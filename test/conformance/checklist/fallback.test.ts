import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Options } from './fixture.ts'
import { answer, connected, load, scenario, storage } from './official-client.ts'

const MOUNT: Options = { longpoll: { windowMs: 500 } }

describe('the official client by long-poll', () => {
  it('B211 the client joins, talks and leaves by long-poll, and sends bytes', async () => {
    const { LongPoll } = await load('phoenix')
    const { socket } = await connected('phoenix', { transport: LongPoll }, MOUNT)
    await scenario(socket)
    const channel = socket.channel('room:n', {})
    await answer(channel.join())
    expect(await answer(channel.push('objectreply', new ArrayBuffer(3)))).toEqual({ a: 1 })
  })

  it('B212 the client falls back to long-poll where there is no WebSocket', async () => {
    const stored = new Map<string, string>()
    const { socket } = await connected(
      'phoenix',
      { transport: WebSocket, longPollFallbackMs: 1_000, sessionStorage: storage(stored) },
      { ...MOUNT, websocket: false },
    )
    await answer(socket.channel('room:m', {}).join())
    expect([...stored.values()]).toEqual(['true'])
  })
})
