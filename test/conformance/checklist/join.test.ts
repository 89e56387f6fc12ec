import { describe, expect, it } from 'vitest'
import { Probe, testChannel } from './channel.ts'
import { ask, join, joined, listen, testSocket } from './fixture.ts'

const OK = '{"response":{},"status":"ok"}'
const UNMATCHED = '{"response":{"reason":"unmatched topic"},"status":"error"}'
const CRASHED = '{"response":{"reason":"join crashed"},"status":"error"}'

describe('join', () => {
  it('B102 a join is answered ok', async () => {
    const { client } = await joined()
    await ask(client, '["3","4","room:n","phx_join",{}]', `["3","4","room:n","phx_reply",${OK}]`)
  })

  it('B103 the reply may be an object, a list or a string', async () => {
    const { client } = await joined()
    for (const [topic, response] of [
      ['room:object', '{"a":1}'],
      ['room:list', '[1,2]'],
      ['room:word', '"word"'],
    ]) {
      const reply = `["3","3","${topic}","phx_reply",{"response":${response},"status":"ok"}]`
      await ask(client, `["3","3","${topic}","phx_join",{}]`, reply)
    }
  })

  it('B104 a refused join is answered with its reason, and the topic is not joined', async () => {
    const { client } = await joined()
    const refused = '["3","3","room:refuse","phx_reply",{"response":{"reason":"no"},"status":"error"}]'
    await ask(client, '["3","3","room:refuse","phx_join",{}]', refused)
    await ask(
      client,
      '["3","4","room:refuse","echo",{}]',
      `[null,"4","room:refuse","phx_reply",${UNMATCHED}]`,
    )
  })

  it('B105 a reason that is not an object is sent unchanged', async () => {
    const { client } = await joined()
    const refused = '["3","3","room:refuse_list","phx_reply",{"response":["no"],"status":"error"}]'
    await ask(client, '["3","3","room:refuse_list","phx_join",{}]', refused)
  })

  it('B106 a join that throws is answered `join crashed`, and the connection continues', async () => {
    const { client } = await joined()
    await ask(client, '["3","3","room:raise","phx_join",{}]', `["3","3","room:raise","phx_reply",${CRASHED}]`)
    await ask(client, '["1","4","room:m","echo",{}]', `["1","4","room:m","phx_reply",${OK}]`)
  })

  it('B107 a push inside join crashes the join', async () => {
    const { client } = await joined()
    await ask(client, '["3","3","room:push","phx_join",{}]', `["3","3","room:push","phx_reply",${CRASHED}]`)
  })

  it('B108 a topic without a route is answered `unmatched topic`, without a join_ref', async () => {
    const { client } = await joined()
    await ask(client, '["3","3","nope","phx_join",{}]', `[null,"3","nope","phx_reply",${UNMATCHED}]`)
  })

  it('B109 a wildcard matches the empty rest; an exact route matches only itself', async () => {
    const { client } = await joined()
    await join(client, 'room:', '3')
    await join(client, 'bare', '4')
    await ask(client, '["5","5","bare:x","phx_join",{}]', `[null,"5","bare:x","phx_reply",${UNMATCHED}]`)
    await ask(client, '["6","6","bar","phx_join",{}]', `[null,"6","bar","phx_reply",${UNMATCHED}]`)
  })

  it('B110 the first matching route is used', async () => {
    const probe = new Probe()
    const socket = testSocket(probe)
      .channel(testChannel('foo:bar', probe), { assigns: { role: 'first' } })
      .channel(testChannel('foo*', probe), { assigns: { role: 'second' } })
    const client = await (await listen({ '/socket': socket })).connect()
    await join(client, 'foo:bar', '1')
    await ask(
      client,
      '["1","2","foo:bar","assigns",{}]',
      '["1","2","foo:bar","phx_reply",{"response":{"user":null,"role":"first"},"status":"ok"}]',
    )
  })

  it('B111 the reply is the first frame of a join', async () => {
    const { client } = await joined()
    await ask(
      client,
      '["3","3","room:after","phx_join",{}]',
      `["3","3","room:after","phx_reply",${OK}]`,
      '["3",null,"room:after","pushed",{}]',
      '[null,null,"room:after","bc",{}]',
    )
  })

  it('B112 many broadcasts during a join do not overtake its reply', async () => {
    const { app, client, probe } = await joined()
    client.send('["3","3","room:slow","phx_join",{}]')
    await client.nothing()
    for (let sent = 0; sent < 100; sent += 1) {
      if (sent === 50) probe.openGate()
      await app.endpoint.broadcast('room:slow', 'bc', {})
    }
    expect(await client.next()).toBe(`["3","3","room:slow","phx_reply",${OK}]`)
  })

  it('B113 joins are answered in the order of their requests; a heartbeat does not wait for them', async () => {
    const { client, probe } = await joined()
    const heartbeat = '[null,"5","phoenix","heartbeat",{}]'
    client.send('["3","3","room:slow","phx_join",{}]', '["4","4","room:n","phx_join",{}]', heartbeat)
    expect(await client.next()).toBe(`[null,"5","phoenix","phx_reply",${OK}]`)
    probe.openGate()
    expect(await client.next()).toBe(`["3","3","room:slow","phx_reply",${OK}]`)
    expect(await client.next()).toBe(`["4","4","room:n","phx_reply",${OK}]`)
  })

  it("B114 if a join has no join_ref, its ref becomes the channel's join_ref", async () => {
    const { client } = await joined()
    await ask(client, '[null,"9","room:n","phx_join",{}]', `[null,"9","room:n","phx_reply",${OK}]`)
    await ask(client, '[null,"10","room:n","echo",{}]', `["9","10","room:n","phx_reply",${OK}]`)
    await ask(client, '[null,"11","room:n","push",{}]', '["9",null,"room:n","pushed",{}]')
  })

  it("B115 a route's assigns are present in its channels and not in others", async () => {
    const { client } = await joined()
    await join(client, 'bare', '3')
    await ask(
      client,
      '["3","4","bare","assigns",{}]',
      '["3","4","bare","phx_reply",{"response":{"user":null,"role":"route"},"status":"ok"}]',
    )
    await ask(client, '["3","5","bare","role","changed"]', `["3","5","bare","phx_reply",${OK}]`)
    await ask(
      client,
      '["1","6","room:m","assigns",{}]',
      '["1","6","room:m","phx_reply",{"response":{"user":null,"role":"socket"},"status":"ok"}]',
    )
  })

  it('B116 a topic whose channel has crashed can be joined again', async () => {
    const { client } = await joined()
    const crash = '["1","1","room:m","phx_error",{"reason":"channel_crash"}]'
    await ask(client, '["1","2","room:m","raise",{}]', crash)
    await join(client, 'room:m', '3')
    await ask(client, '["3","4","room:m","echo",{}]', `["3","4","room:m","phx_reply",${OK}]`)
  })
})
