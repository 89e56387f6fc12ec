import { describe, expect, it } from 'vitest'
import { ask, join, joined } from './fixture.ts'

const OK = '{"response":{},"status":"ok"}'
const UNMATCHED = '{"response":{"reason":"unmatched topic"},"status":"error"}'

describe('messages', () => {
  it('B117 an empty ok reply has the response {}', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","bcfrom",{}]', `["1","2","room:m","phx_reply",${OK}]`)
  })

  it('B118 an error reply has the status "error"', async () => {
    const { client } = await joined()
    const reply = '["1","2","room:m","phx_reply",{"response":{"why":"x"},"status":"error"}]'
    await ask(client, '["1","2","room:m","err",{"why":"x"}]', reply)
  })

  it('B119 a custom status is sent unchanged', async () => {
    const { client } = await joined()
    const reply = '["1","2","room:m","phx_reply",{"response":{"a":1},"status":"weird"}]'
    await ask(client, '["1","2","room:m","weird",{"a":1}]', reply)
  })

  it('B120 a callback that returns nothing sends nothing', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","noreply",{}]')
  })

  it('B121 a later reply has the refs of its message', async () => {
    const { client, probe } = await joined()
    await ask(client, '["1","2","room:m","later",{}]')
    await ask(client, '["1","3","room:m","echo",{}]', `["1","3","room:m","phx_reply",${OK}]`)
    probe.later[0]?.({ n: 1 })
    expect(await client.next()).toBe('["1","2","room:m","phx_reply",{"response":{"n":1},"status":"ok"}]')
  })

  it('B122 two replies to one message are both sent', async () => {
    const { client, probe } = await joined()
    await ask(client, '["1","2","room:m","later",{}]')
    probe.later[0]?.({ n: 1 })
    probe.later[0]?.({ n: 2 })
    expect(await client.next()).toBe('["1","2","room:m","phx_reply",{"response":{"n":1},"status":"ok"}]')
    expect(await client.next()).toBe('["1","2","room:m","phx_reply",{"response":{"n":2},"status":"ok"}]')
  })

  it('B123 a reply is sent even after its channel has ended', async () => {
    const { client, probe } = await joined()
    await ask(client, '["1","2","room:m","later",{}]')
    await ask(client, '["1","3","room:m","stop_normal",{}]', '["1","1","room:m","phx_close",{}]')
    probe.later[0]?.({ n: 1 })
    expect(await client.next()).toBe('["1","2","room:m","phx_reply",{"response":{"n":1},"status":"ok"}]')
  })

  it('B124 a push has the join_ref and no ref', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","push",{"a":2}]', '["1",null,"room:m","pushed",{"a":2}]')
  })

  it.each(['push', 'bc', 'bcfrom'])(
    'B125 a list is not a valid payload for %s: the channel crashes',
    async (event) => {
      const { client, connect } = await joined()
      const other = await connect()
      await join(other)
      const crash = '["1","1","room:m","phx_error",{"reason":"channel_crash"}]'
      await ask(client, `["1","2","room:m","${event}",[1]]`, crash)
      await other.nothing()
    },
  )

  it("B126 a push within a callback is sent before the callback's reply", async () => {
    const { client } = await joined()
    await ask(
      client,
      '["1","2","room:m","push_reply",{}]',
      '["1",null,"room:m","pushed",{}]',
      `["1","2","room:m","phx_reply",${OK}]`,
    )
  })

  it("B127 a broadcast within a callback is sent before the callback's reply", async () => {
    const { client } = await joined()
    await ask(
      client,
      '["1","2","room:m","bc_reply",{"z":1}]',
      '[null,null,"room:m","bc",{"z":1}]',
      `["1","2","room:m","phx_reply",${OK}]`,
    )
  })

  it('B128 an intercepted broadcast is sent after the reply, as a push', async () => {
    const { client } = await joined()
    await ask(
      client,
      '["1","2","room:m","intercepted",{"z":1}]',
      `["1","2","room:m","phx_reply",${OK}]`,
      '["1",null,"room:m","out",{"z":1}]',
    )
  })

  it('B129 broadcastFrom excludes the sender', async () => {
    const { client, connect } = await joined()
    const other = await connect()
    await join(other)
    await ask(client, '["1","2","room:m","bcfrom",{"n":1}]', `["1","2","room:m","phx_reply",${OK}]`)
    expect(await other.next()).toBe('[null,null,"room:m","bc",{"n":1}]')
  })

  it('B130 broadcastFrom reaches another connection of the same user', async () => {
    const { connect } = await joined()
    const phone = await connect('vsn=2.0.0&user=u1')
    const laptop = await connect('vsn=2.0.0&user=u1')
    await join(phone)
    await join(laptop)
    await ask(phone, '["1","2","room:m","bcfrom",{"n":1}]', `["1","2","room:m","phx_reply",${OK}]`)
    expect(await laptop.next()).toBe('[null,null,"room:m","bc",{"n":1}]')
  })

  it('B131 a broadcast has no refs and is the same for all clients', async () => {
    const { client, connect } = await joined()
    const other = await connect()
    await join(other, 'room:m', '77')
    await ask(client, '["1","2","room:m","bc",{"z":1}]', '[null,null,"room:m","bc",{"z":1}]')
    expect(await other.next()).toBe('[null,null,"room:m","bc",{"z":1}]')
  })

  it('B132 subscribers of both versions get their own encoding', async () => {
    const { client, connect } = await joined()
    const v1 = await connect('vsn=1.0.0')
    v1.send('{"topic":"room:m","event":"phx_join","payload":{},"ref":"1"}')
    await v1.next()
    await ask(client, '["1","2","room:m","bc",{"z":1}]', '[null,null,"room:m","bc",{"z":1}]')
    expect(await v1.next()).toBe('{"event":"bc","payload":{"z":1},"ref":null,"topic":"room:m"}')
  })

  it('B133 a message to a topic that is not joined is answered `unmatched topic`, without a join_ref', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:n","echo",{}]', `[null,"2","room:n","phx_reply",${UNMATCHED}]`)
  })

  it('B134 a message with a stale join_ref is dropped', async () => {
    const { client } = await joined()
    await ask(client, '["0","2","room:m","echo",{}]')
  })

  it('B135 a message without a join_ref is accepted', async () => {
    const { client } = await joined()
    await ask(client, '[null,"2","room:m","echo",{}]', `["1","2","room:m","phx_reply",${OK}]`)
  })

  it('B136 a channel that was joined without a join_ref accepts a message with any join_ref', async () => {
    const { client } = await joined()
    await ask(client, '[null,"9","room:n","phx_join",{}]', `[null,"9","room:n","phx_reply",${OK}]`)
    await ask(client, '["77","10","room:n","echo",{}]', `["9","10","room:n","phx_reply",${OK}]`)
  })

  it('B137 the join_ref 1 does not equal "1"', async () => {
    const { client } = await joined()
    await ask(client, '[1,"2","room:m","echo",{}]')
  })

  it('B138 an event without a handler is answered `unmatched event`, and the channel continues', async () => {
    const { client } = await joined()
    const reply = '{"response":{"reason":"unmatched event"},"status":"error"}'
    for (const event of ['no_such_event', 'constructor', '__proto__', 'toString', 'phx_error']) {
      await ask(client, `["1","2","room:m","${event}",{}]`, `["1","2","room:m","phx_reply",${reply}]`)
    }
    await ask(client, '["1","3","room:m","echo",{}]', `["1","3","room:m","phx_reply",${OK}]`)
  })

  it('B139 if a client sends an event that only servers send, it is an ordinary event', async () => {
    const { client } = await joined()
    for (const event of ['phx_reply', 'phx_close']) {
      const reply = `{"response":"took ${event}","status":"ok"}`
      await ask(client, `["1","2","room:m","${event}",{}]`, `["1","2","room:m","phx_reply",${reply}]`)
    }
  })

  it('B140 a hundred messages in one packet are answered in order', async () => {
    const { client } = await joined()
    const numbers = Array.from({ length: 100 }, (_, at) => at + 2)
    client.send(...numbers.map((ref) => `["1","${ref}","room:m","echo",${ref}]`))
    for (const ref of numbers) {
      const reply = `["1","${ref}","room:m","phx_reply",{"response":${ref},"status":"ok"}]`
      expect(await client.next()).toBe(reply)
    }
  })
})
