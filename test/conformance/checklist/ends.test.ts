import { describe, expect, it } from 'vitest'
import { until } from '../../helpers/until.ts'
import { ask, join, joined } from './fixture.ts'

const OK = '{"response":{},"status":"ok"}'
const UNMATCHED = '{"response":{"reason":"unmatched topic"},"status":"error"}'
const CLOSE = '["1","1","room:m","phx_close",{}]'
const ERROR = '["1","1","room:m","phx_error",{"reason":"channel_crash"}]'
const REPLY = '["1","2","room:m","phx_reply",{"response":{"m":1},"status":"ok"}]'

describe('leave, duplicate join and end', () => {
  it('B141 a leave is answered, and then phx_close is sent', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","phx_leave",{}]', `["1","2","room:m","phx_reply",${OK}]`, CLOSE)
  })

  it('B142 a push in terminate is sent after phx_close', async () => {
    const { client } = await joined()
    await join(client, 'room:bye', '3')
    await ask(
      client,
      '["3","4","room:bye","phx_leave",{}]',
      `["3","4","room:bye","phx_reply",${OK}]`,
      '["3","3","room:bye","phx_close",{}]',
      '["3",null,"room:bye","bye",{}]',
    )
  })

  it('B143 a message after a leave is unmatched', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","phx_leave",{}]', `["1","2","room:m","phx_reply",${OK}]`, CLOSE)
    await ask(client, '["1","3","room:m","echo",{}]', `[null,"3","room:m","phx_reply",${UNMATCHED}]`)
  })

  it('B144 a leave of a topic that was never joined is a success', async () => {
    const { client } = await joined()
    await ask(client, '["9","5","room:never","phx_leave",{}]', `["9","5","room:never","phx_reply",${OK}]`)
  })

  it('B145 a second leave is answered ok, without a second phx_close', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","phx_leave",{}]', `["1","2","room:m","phx_reply",${OK}]`, CLOSE)
    await ask(client, '["1","3","room:m","phx_leave",{}]', `["1","3","room:m","phx_reply",${OK}]`)
  })

  it('B146 a leave with a stale join_ref is dropped', async () => {
    const { client } = await joined()
    await ask(client, '["0","2","room:m","phx_leave",{}]')
    await ask(client, '["1","3","room:m","echo",{}]', `["1","3","room:m","phx_reply",${OK}]`)
  })

  it('B147 a leave without a join_ref leaves the channel', async () => {
    const { client } = await joined()
    client.send('[null,"2","room:m","phx_leave",{}]')
    expect(JSON.parse(String(await client.next()))).toMatchObject({ 1: '2', 3: 'phx_reply' })
    expect(await client.next()).toBe(CLOSE)
  })

  it('B148 a second join is answered, then the first channel is closed and its join_ref is stale', async () => {
    const { client } = await joined()
    await ask(client, '["2","2","room:m","phx_join",{}]', `["2","2","room:m","phx_reply",${OK}]`, CLOSE)
    await ask(client, '["1","3","room:m","echo",{}]')
    await ask(client, '["2","4","room:m","echo",{}]', `["2","4","room:m","phx_reply",${OK}]`)
  })

  it('B149 after a leave and a join in one packet, the join is answered and the old channel is closed once', async () => {
    const { client } = await joined()
    client.send('["1","2","room:m","phx_leave",{}]', '["3","3","room:m","phx_join",{}]')
    const frames: string[] = []
    while (frames.at(-1)?.includes('"hb"') !== true) {
      if (frames.length === 0) client.send('[null,"hb","phoenix","heartbeat",{}]')
      frames.push(String(await client.next()))
    }
    expect(frames).toContain(`["3","3","room:m","phx_reply",${OK}]`)
    expect(frames.filter((frame) => frame.includes('phx_close'))).toEqual([CLOSE])
    await ask(client, '["3","4","room:m","echo",{}]', `["3","4","room:m","phx_reply",${OK}]`)
  })

  it.each([
    ['B150', 'stop_normal'],
    ['B151', 'stop_shutdown'],
    ['B152', 'stop_tuple'],
  ])('%s a stop with the announced reason %s sends phx_close', async (_number, event) => {
    const { client } = await joined()
    await ask(client, `["1","2","room:m","${event}",{}]`, CLOSE)
  })

  it('B153 a stop with an announced reason and a reply sends the reply and then phx_close', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","stop_normal_reply",{}]', REPLY, CLOSE)
  })

  it('B154 a stop with another reason sends phx_error', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","stop_other",{}]', ERROR)
  })

  it('B155 a stop with another reason and a reply sends the reply and then phx_error', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","stop_other_reply",{}]', REPLY, ERROR)
  })

  it('B156 a callback that throws sends phx_error', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","raise",{}]', ERROR)
  })

  it('B158 other channels and heartbeats work after a crash', async () => {
    const { client } = await joined()
    await join(client, 'room:n', '3')
    await ask(client, '["1","4","room:m","raise",{}]', ERROR)
    await ask(client, '["3","5","room:n","echo",{}]', `["3","5","room:n","phx_reply",${OK}]`)
  })

  it('B159 a crashed channel is not restarted', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","raise",{}]', ERROR)
    await ask(client, '["1","3","room:m","echo",{}]', `[null,"3","room:m","phx_reply",${UNMATCHED}]`)
    await join(client, 'room:m', '4')
  })

  it('B160 when the connection ends, its channels end with shutdown', async () => {
    const { client, probe } = await joined()
    client.ws.close(1000)
    await until(() => probe.terminated.length === 1)
    expect(probe.terminated).toEqual([{ shutdown: 'closed' }])
  })
})
