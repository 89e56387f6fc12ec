import { LongPoll } from 'phoenix'
import { describe, expect, it } from 'vitest'
import { serve } from '../conformance/checklist/fixture.ts'
import { answer, connected } from '../conformance/checklist/official-client.ts'
import { until } from '../helpers/until.ts'

const MOUNT = { longpoll: true }

/** A server, and a client that polls it and has joined `room:m`. */
async function setUp() {
  const { server, socket } = await connected(
    'phoenix',
    { transport: LongPoll, params: { user: 'u1' } },
    MOUNT,
  )
  const channel = socket.channel('room:m', {})
  await answer(channel.join())
  return { server, socket, channel }
}

describe('the official client by long-poll', () => {
  it('reconnects after its session is disconnected', async () => {
    const { server, socket, channel } = await setUp()
    const closed = new Promise((resolve) => socket.onClose(resolve))
    await server.app.endpoint.disconnect('u1')
    expect(await closed).toMatchObject({ code: 3410 })
    await until(() => channel.state === 'joined')
  })

  // By Fastify's own answer to requests while it closes, it would never poll again.
  it('reconnects when the server has stopped and started again (LONGPOLL-10)', async () => {
    const { server, channel } = await setUp()
    await server.app.close()
    await until(() => channel.state === 'errored')
    const { app } = await serve(MOUNT, Number(new URL(server.base).port))
    await until(() => channel.state === 'joined')
    const heard = new Promise((resolve) => channel.on('news', resolve))
    await app.endpoint.broadcast('room:m', 'news', { n: 1 })
    expect(await heard).toEqual({ n: 1 })
  })
})
