import { describe, expect, it } from 'vitest'
import { ask, join, joined } from './fixture.ts'

const UNMATCHED = '{"response":{"reason":"unmatched topic"},"status":"error"}'

describe('version 2 text frames', () => {
  it('B070 a frame that is not JSON closes the connection with 1011', async () => {
    expect(await closeAfter('{{')).toBe(1011)
  })

  it('B071 an empty text frame closes the connection with 1011', async () => {
    expect(await closeAfter('')).toBe(1011)
  })

  it('B072 an object closes the connection with 1011', async () => {
    expect(await closeAfter('{"topic":"x"}')).toBe(1011)
  })

  it('B073 an array of four elements closes the connection with 1011', async () => {
    expect(await closeAfter('["1","2","room:m","echo"]')).toBe(1011)
  })

  it('B074 a sixth element is ignored', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","echo",{},"more"]', reply('{}'))
  })

  it('B075 white space around and inside the array is accepted', async () => {
    const { client } = await joined()
    await ask(client, ' [ "1" ,\n"2",\t"room:m", "echo" , { } ]\r\n', reply('{}'))
  })

  it('B076 a topic that is not a string is unmatched, and the reply repeats it', async () => {
    const { client } = await joined()
    await ask(client, '["2","2",7,"phx_join",{}]', `[null,"2",7,"phx_reply",${UNMATCHED}]`)
    await ask(client, '["2","3",null,"phx_join",{}]', `[null,"3",null,"phx_reply",${UNMATCHED}]`)
  })

  it('B077 an event that is not a string is answered `unmatched event`', async () => {
    const { client } = await joined()
    await ask(
      client,
      '["1","2","room:m",7,{}]',
      '["1","2","room:m","phx_reply",{"response":{"reason":"unmatched event"},"status":"error"}]',
    )
  })

  it('B078 a payload may be any JSON value', async () => {
    const { client } = await joined()
    for (const payload of ['"text"', '[1,2]', 'null', '7', 'true', '{"a":{"b":[]}}']) {
      await ask(client, `["1","2","room:m","echo",${payload}]`, reply(payload))
    }
  })

  it('B079 half of a surrogate pair closes the connection with 1011', async () => {
    expect(await closeAfter('["1","2","room:m","echo","\\ud800"]')).toBe(1011)
  })

  it('B080 big numbers and deep nesting are read', async () => {
    const { client } = await joined()
    await ask(client, '["1","2","room:m","noreply",123456789012345678901234567890]')
    await ask(client, '["1","2","room:m","echo",1e3]', reply('1000'))
    const deep = `${'['.repeat(1_000)}${']'.repeat(1_000)}`
    await ask(client, `["1","2","room:m","echo",${deep}]`, reply(deep))
  })

  it('B081 a frame of the server has five elements and no white space', async () => {
    const { client } = await joined()
    client.send('["1","2","room:m","push_reply",{ "a": [1, 2] }]', '["1","3","room:m","bc",{ "a": { } }]')
    client.send('["1","4","room:m","stop_normal",{}]')
    for (let frames = 0; frames < 4; frames += 1) {
      const frame = await client.next()
      expect(frame).not.toMatch(/\s/)
      expect(JSON.parse(String(frame))).toHaveLength(5)
    }
  })

  it('B082 the end of one connection does not affect the channels of another', async () => {
    const { client, connect } = await joined()
    const other = await connect()
    await join(other)
    client.send('{{')
    expect(await client.closed).toBe(1011)
    await ask(other, '["1","2","room:m","echo",1]', reply('1'))
  })
})

function reply(response: string): string {
  return `["1","2","room:m","phx_reply",{"response":${response},"status":"ok"}]`
}

async function closeAfter(frame: string): Promise<number> {
  const { client } = await joined()
  client.send(frame)
  return client.closed
}
