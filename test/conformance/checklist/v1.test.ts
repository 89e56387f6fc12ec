import { describe, expect, it } from 'vitest'
import type { RawClient } from '../../helpers/raw-client.ts'
import { ask, serve } from './fixture.ts'

const OK = '{"response":{},"status":"ok"}'

describe('version 1', () => {
  it('B095 a frame of the server has only event, payload, ref and topic', async () => {
    const client = await joinedV1()
    await ask(client, message('push', '2'), '{"event":"pushed","payload":{},"ref":null,"topic":"room:m"}')
    await ask(client, message('bc', '3'), '{"event":"bc","payload":{},"ref":null,"topic":"room:m"}')
    await ask(
      client,
      message('echo', '4'),
      `{"event":"phx_reply","payload":${OK},"ref":"4","topic":"room:m"}`,
    )
  })

  it('B096 a message without a ref closes the connection with 1011; the ref null is accepted', async () => {
    const client = await joinedV1()
    await ask(
      client,
      '{"topic":"room:m","event":"echo","payload":{},"ref":null}',
      `{"event":"phx_reply","payload":${OK},"ref":null,"topic":"room:m"}`,
    )
    client.send('{"topic":"room:m","event":"echo","payload":{}}')
    expect(await client.closed).toBe(1011)
  })

  it('B097 an array closes the connection with 1011', async () => {
    const client = await joinedV1()
    client.send('[null,"1","phoenix","heartbeat",{}]')
    expect(await client.closed).toBe(1011)
  })

  it('B098 JSON in a binary frame is read', async () => {
    const client = await joinedV1()
    const reply = `{"event":"phx_reply","payload":${OK},"ref":"2","topic":"room:m"}`
    await ask(client, Buffer.from(message('echo', '2')), reply)
  })

  it('B099 if a channel was joined without a join_ref, the frame of its end has the ref null', async () => {
    const closing = await joinedV1()
    await ask(
      closing,
      message('stop_normal', '2'),
      '{"event":"phx_close","payload":{},"ref":null,"topic":"room:m"}',
    )
    const crashing = await joinedV1()
    await ask(
      crashing,
      message('raise', '2'),
      '{"event":"phx_error","payload":{"reason":"channel_crash"},"ref":null,"topic":"room:m"}',
    )
  })

  it('B100 if a channel was joined with a join_ref, the frame of its end has it as ref', async () => {
    const client = await joinedV1(',"join_ref":"1"')
    await ask(
      client,
      message('stop_normal', '2'),
      '{"event":"phx_close","payload":{},"ref":"1","topic":"room:m"}',
    )
  })

  it('B101 a second join is answered, and then the first channel is closed', async () => {
    const client = await joinedV1()
    await ask(
      client,
      message('phx_join', '2'),
      `{"event":"phx_reply","payload":${OK},"ref":"2","topic":"room:m"}`,
      '{"event":"phx_close","payload":{},"ref":null,"topic":"room:m"}',
    )
  })
})

function message(event: string, ref: string, more = ''): string {
  return `{"topic":"room:m","event":"${event}","payload":{},"ref":"${ref}"${more}}`
}

async function joinedV1(more = ''): Promise<RawClient> {
  const server = await serve()
  const client = await server.connect('vsn=1.0.0')
  const reply = `{"event":"phx_reply","payload":${OK},"ref":"1","topic":"room:m"}`
  await ask(client, message('phx_join', '1', more), reply)
  return client
}
