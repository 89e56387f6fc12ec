import { describe, expect, it } from 'vitest'
import { serve } from '../conformance/checklist/fixture.ts'
import { connectLongPoll } from '../helpers/poll-client.ts'
import { connectWebSocket } from '../helpers/test-client.ts'
import { channelsSuite, one } from './channels.suite.ts'

describe('channels over long-poll', () => channelsSuite(connectLongPoll, () => one({ longpoll: true })))

describe('channels over both', () => {
  it('clients of both transports share a topic', async () => {
    const { base } = await serve({ longpoll: true })
    const clients = [await connectLongPoll(base), await connectWebSocket(base)]
    for (const client of clients) {
      await client.send('["1","1","room:m","phx_join",{}]')
      expect(await client.next()).toBe('["1","1","room:m","phx_reply",{"response":{},"status":"ok"}]')
    }
    for (const [n, client] of clients.entries()) {
      await client.send(`["1","2","room:m","bc",{"n":${n}}]`)
      for (const each of clients) expect(await each.next()).toBe(`[null,null,"room:m","bc",{"n":${n}}]`)
    }
  })
})
