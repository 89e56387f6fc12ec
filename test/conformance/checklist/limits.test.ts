import { once } from 'node:events'
import { setInterval } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ask, hex, join, joined, serve } from './fixture.ts'

const OK = '{"response":{},"status":"ok"}'

describe('heartbeat and limits', () => {
  it('B055 a heartbeat is answered', async () => {
    const { client } = await joined()
    await ask(client, '[null,"1","phoenix","heartbeat",{}]', `[null,"1","phoenix","phx_reply",${OK}]`)
  })

  it('B056 the reply to a heartbeat has no join_ref', async () => {
    const { client } = await joined()
    await ask(client, '["9","1","phoenix","heartbeat",{}]', `[null,"1","phoenix","phx_reply",${OK}]`)
  })

  it('B057 a heartbeat may have the payload null', async () => {
    const { client } = await joined()
    await ask(client, '[null,"1","phoenix","heartbeat",null]', `[null,"1","phoenix","phx_reply",${OK}]`)
  })

  it('B058 a ref that is a number or null is repeated unchanged', async () => {
    const { client } = await joined()
    await ask(client, '[null,7,"phoenix","heartbeat",{}]', `[null,7,"phoenix","phx_reply",${OK}]`)
    await ask(client, '[null,null,"phoenix","heartbeat",{}]', `[null,null,"phoenix","phx_reply",${OK}]`)
  })

  it('B059 a version 1 heartbeat may have the ref null', async () => {
    const server = await serve()
    const heartbeat = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}'
    await ask(
      await server.connect(''),
      heartbeat,
      `{"event":"phx_reply","payload":${OK},"ref":null,"topic":"phoenix"}`,
    )
  })

  it('B060 a silent client is closed with a code after which it reconnects', async () => {
    const server = await serve({ websocket: { timeout: 300 } })
    const started = performance.now()
    expect(await (await server.connect()).closed).toBe(1002)
    expect(performance.now() - started).toBeGreaterThan(290)
  })

  it('B061 a ping is answered with its payload, and resets the idle timeout', async () => {
    const { client, connect } = await joined({ websocket: { timeout: 1_000 } })
    const { ws: silent } = await connect()
    for await (const _ of setInterval(50)) {
      client.ws.ping('still here')
      const [payload] = await once(client.ws, 'pong')
      expect(String(payload)).toBe('still here')
      if (silent.readyState === silent.CLOSED) break
    }
    await client.nothing()
  })

  it('B062 frames of the server do not reset the idle timeout', async () => {
    const { app, client } = await joined({ websocket: { timeout: 300 } })
    for await (const _ of setInterval(50)) {
      await app.endpoint.broadcast('room:m', 'bc', {})
      if (client.ws.readyState !== client.ws.OPEN) break
    }
    expect(await client.closed).toBe(1002)
  })

  it('B063 a frame over the limit closes the connection with 1009', async () => {
    const { client } = await joined({ websocket: { maxFrameSize: 1_000 } })
    client.send(`["1","2","room:m","echo","${'x'.repeat(1_000)}"]`)
    expect(await client.closed).toBe(1009)
  })

  it('B064 a fragmented message is reassembled, and has the same limit', async () => {
    const { client } = await joined({ websocket: { maxFrameSize: 1_000 } })
    client.ws.send('["1","2","room', { fin: false })
    await ask(client, ':m","noreply",{}]')
    client.ws.send('["1","3","room', { fin: false })
    await ask(client, ':m","echo",1]', '["1","3","room:m","phx_reply",{"response":1,"status":"ok"}]')
    client.ws.send(`["1","4","room:m","echo","${'x'.repeat(600)}`, { fin: false })
    client.ws.send(`${'x'.repeat(600)}"]`)
    expect(await client.closed).toBe(1009)
  })

  it('B065 text that is not UTF-8 closes the connection with 1007', async () => {
    const { client } = await joined()
    client.tcp?.write(hex('81 82 00000000 c328'))
    expect(await client.closed).toBe(1007)
  })

  it.each([
    ['an unmasked frame', '81 02 7b7d'],
    ['a reserved bit', 'c1 80 00000000'],
    ['an unknown opcode', '83 80 00000000'],
    ['a stray continuation', '80 80 00000000'],
  ])('B066 %s closes the connection with 1002', async (_what, bytes) => {
    const { client } = await joined()
    client.tcp?.write(hex(bytes))
    expect(await client.closed).toBe(1002)
  })

  it.each([
    [1000, 1000],
    [1001, 1001],
    [3000, 3000],
    [undefined, 1005],
  ])("B067 the client's close code %s is echoed", async (code, echoed) => {
    const { client } = await joined()
    client.ws.close(code)
    expect(await client.closed).toBe(echoed)
  })

  it('B068 the 101st join is refused, and the earlier channels work', async () => {
    const client = await hundredJoined()
    const reason = '{"response":{"reason":"too many channels joined"},"status":"error"}'
    await ask(
      client,
      '["101","101","room:101","phx_join",{}]',
      `["101","101","room:101","phx_reply",${reason}]`,
    )
    await ask(
      client,
      '["7","8","room:7","echo",1]',
      '["7","8","room:7","phx_reply",{"response":1,"status":"ok"}]',
    )
  })

  it('B069 a second join of a joined topic is accepted at the limit', async () => {
    const client = await hundredJoined()
    await ask(
      client,
      '["101","101","room:7","phx_join",{}]',
      `["101","101","room:7","phx_reply",${OK}]`,
      '["7","7","room:7","phx_close",{}]',
    )
  })
})

async function hundredJoined() {
  const server = await serve()
  const client = await server.connect()
  for (let at = 1; at <= 100; at += 1) await join(client, `room:${at}`, String(at))
  return client
}
