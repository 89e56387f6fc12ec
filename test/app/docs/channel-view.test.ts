import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { channelView } from '../../../server/app/docs/channel-view.ts'
import { asyncApi, defineContract } from '../../../server/index.ts'

const Room = defineContract({
  topic: 'room:*',
  incoming: { ask: { payload: Type.String(), reply: Type.Integer() }, tell: { payload: Type.Null() } },
  outgoing: { told: Type.Boolean() },
})

function read(contract: typeof Room | { topic: string }): string {
  const { channels } = asyncApi({ title: 't', version: '1', contracts: [contract] })
  const [channel] = Object.values(channels)
  if (channel === undefined) throw new Error('no channel')
  return channelView(channel)
    .text.replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

test('shows what a client sends, what that is answered with, and what the server sends', () => {
  const seen = read(Room)
  expect(seen).toMatch(/^room:\{subtopic\} A client sends phx_join .* The server sends told boolean$/)
  expect(seen).toContain(
    'ask string It is answered with phx_reply : object status &quot;ok&quot; response integer tell null',
  )
})

test('leaves out a direction in which nothing travels', () => {
  expect(read({ topic: 'news' })).not.toContain('The server sends')
})
