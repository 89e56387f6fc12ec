import { expect, it } from 'vitest'
import type { Endpoint } from '../../server/index.ts'
import type { Probe } from '../conformance/checklist/channel.ts'
import { type Options, serve } from '../conformance/checklist/fixture.ts'
import type { ConnectClient, TestClient } from '../helpers/test-client.ts'
import { until } from '../helpers/until.ts'

const OK = '{"response":{},"status":"ok"}'

/** A server with the socket of the checklist, or several that are one to their clients. */
export type Served = {
  base: string
  probe: Probe
  endpoint: Pick<Endpoint, 'broadcast' | 'disconnect' | 'drain'>
}

/** A server with these options. */
export async function one(mount: Options): Promise<Served> {
  const { app, base, probe } = await serve(mount)
  return { base, probe, endpoint: app.endpoint }
}

/** Behaviour of a channel for its clients, the same for all transports and numbers of nodes. */
export function channelsSuite(connect: ConnectClient, open: () => Promise<Served>): void {
  /** A server, and clients that have joined `room:m` with join_ref "1". */
  async function setUp(count = 1) {
    const server = await open()
    const clients: TestClient[] = []
    for (let made = 0; made < count; made++) {
      const client = await connect(server.base)
      await ask(client, join('room:m'), [`["1","1","room:m","phx_reply",${OK}]`])
      clients.push(client)
    }
    const [client, other] = clients as [TestClient, TestClient]
    return { ...server, client, other }
  }

  it('a join is answered with the response of the channel', async () => {
    const { client } = await setUp()
    await ask(client, join('room:object', '2'), [
      '["2","2","room:object","phx_reply",{"response":{"a":1},"status":"ok"}]',
    ])
  })

  it('joins that are refused, that throw or that match no topic do not affect the connection', async () => {
    const { client } = await setUp()
    await ask(client, join('room:refuse', '2'), [error('"2","2","room:refuse"', 'no')])
    await ask(client, join('room:raise', '3'), [error('"3","3","room:raise"', 'join crashed')])
    await ask(client, join('nope', '4'), [error('null,"4","nope"', 'unmatched topic')])
  })

  it('a heartbeat is answered', async () => {
    const { client } = await setUp()
    await ask(client, '[null,"2","phoenix","heartbeat",{}]', [`[null,"2","phoenix","phx_reply",${OK}]`])
  })

  it('a message is answered with its ref', async () => {
    const { client } = await setUp()
    await ask(client, message('2', 'echo', '{"ü":[1,null,"\\u2028"]}'), [
      '["1","2","room:m","phx_reply",{"response":{"ü":[1,null,"\u2028"]},"status":"ok"}]',
    ])
    await ask(client, message('3', 'err', '{"a":1}'), [
      '["1","3","room:m","phx_reply",{"response":{"a":1},"status":"error"}]',
    ])
  })

  it('a message can be answered later', async () => {
    const { client, probe } = await setUp()
    await client.send(message('2', 'later'))
    await until(() => probe.later.length === 1)
    probe.later[0]?.({ n: 1 })
    expect(await client.next()).toBe('["1","2","room:m","phx_reply",{"response":{"n":1},"status":"ok"}]')
  })

  it('a push is sent before the reply of its callback', async () => {
    const { client } = await setUp()
    await ask(client, message('2', 'push_reply', '{"a":1}'), [
      '["1",null,"room:m","pushed",{"a":1}]',
      `["1","2","room:m","phx_reply",${OK}]`,
    ])
  })

  it('a broadcast reaches all members, and its sender before the reply', async () => {
    const { client, other } = await setUp(2)
    await ask(client, message('2', 'bc_reply', '{"a":1}'), [
      '[null,null,"room:m","bc",{"a":1}]',
      `["1","2","room:m","phx_reply",${OK}]`,
    ])
    expect(await other.next()).toBe('[null,null,"room:m","bc",{"a":1}]')
    await other.nothing()
  })

  it('a broadcast can exclude its sender', async () => {
    const { client, other } = await setUp(2)
    await ask(client, message('2', 'bcfrom', '{"a":1}'), [`["1","2","room:m","phx_reply",${OK}]`])
    expect(await other.next()).toBe('[null,null,"room:m","bc",{"a":1}]')
  })

  it('an intercepted broadcast is replaced by the push that the channel makes', async () => {
    const { client } = await setUp()
    await ask(client, message('2', 'intercepted', '{"a":1}'), [
      `["1","2","room:m","phx_reply",${OK}]`,
      '["1",null,"room:m","out",{"a":1}]',
    ])
  })

  it('a broadcast of the endpoint reaches the members of its topic', async () => {
    const { client, other, endpoint } = await setUp(2)
    await endpoint.broadcast('room:m', 'news', { n: 1 })
    await endpoint.broadcast('room:elsewhere', 'news', { n: 2 })
    for (const each of [client, other]) {
      expect(await each.next()).toBe('[null,null,"room:m","news",{"n":1}]')
      await each.nothing()
    }
  })

  it('bytes reach the channel', async () => {
    const { client } = await setUp()
    const push = Buffer.from('0001010607' + '3132' + '726f6f6d3a6d' + '6e6f7265706c79' + 'ff', 'hex')
    await client.send(push)
    const objectReply = Buffer.from('000101060b' + '3133' + '726f6f6d3a6d' + '6f626a6563747265706c79', 'hex')
    await ask(client, objectReply, ['["1","3","room:m","phx_reply",{"response":{"a":1},"status":"ok"}]'])
  })

  it('a hundred messages in one packet are answered in order', async () => {
    const { client } = await setUp()
    const refs = Array.from({ length: 100 }, (_, at) => String(at + 2))
    await client.send(...refs.map((ref) => message(ref, 'echo')))
    for (const ref of refs) expect(await client.next()).toBe(`["1","${ref}","room:m","phx_reply",${OK}]`)
    await client.nothing()
  })

  it('a slow join delays the replies to later messages, but not to a heartbeat', async () => {
    const { client, probe } = await setUp()
    await client.send(join('room:slow', '2'), '["2","3","room:slow","echo",{}]')
    await client.nothing()
    probe.openGate()
    for (const frame of [
      `["2","2","room:slow","phx_reply",${OK}]`,
      `["2","3","room:slow","phx_reply",${OK}]`,
    ]) {
      expect(await client.next()).toBe(frame)
    }
  })

  it('a channel that is left is closed, and a message to it is unmatched', async () => {
    const { client, probe } = await setUp()
    await ask(client, '["1","2","room:m","phx_leave",{}]', [
      `["1","2","room:m","phx_reply",${OK}]`,
      '["1","1","room:m","phx_close",{}]',
    ])
    await ask(client, message('3', 'echo'), [error('null,"3","room:m"', 'unmatched topic')])
    expect(probe.terminated).toEqual([{ shutdown: 'left' }])
  })

  it('a second join replaces the first, whose messages are no longer answered', async () => {
    const { client } = await setUp()
    await ask(client, join('room:m', '2'), [
      `["2","2","room:m","phx_reply",${OK}]`,
      '["1","1","room:m","phx_close",{}]',
    ])
    await ask(client, message('3', 'echo'), [])
  })

  it('after a leave and a join in one packet the channel is joined', async () => {
    const { client } = await setUp()
    await client.send('["1","2","room:m","phx_leave",{}]', join('room:m', '3'))
    const frames = [await client.next(), await client.next(), await client.next()]
    expect(frames).toContain(`["3","3","room:m","phx_reply",${OK}]`)
    expect(frames).toContain('["1","1","room:m","phx_close",{}]')
    await ask(client, '["3","4","room:m","echo",{}]', [`["3","4","room:m","phx_reply",${OK}]`])
  })

  it('a crash ends only its channel, which can be joined again', async () => {
    const { client } = await setUp()
    await ask(client, join('room:n', '2'), [`["2","2","room:n","phx_reply",${OK}]`])
    await ask(client, message('3', 'raise'), ['["1","1","room:m","phx_error",{"reason":"channel_crash"}]'])
    await ask(client, '["2","4","room:n","echo",{}]', [`["2","4","room:n","phx_reply",${OK}]`])
    await ask(client, join('room:m', '5'), [`["5","5","room:m","phx_reply",${OK}]`])
  })

  it('a channel that stops sends its reply first, and then phx_close', async () => {
    const { client } = await setUp()
    await ask(client, message('2', 'stop_normal_reply'), [
      '["1","2","room:m","phx_reply",{"response":{"m":1},"status":"ok"}]',
      '["1","1","room:m","phx_close",{}]',
    ])
  })

  it('a frame that cannot be decoded ends only its connection', async () => {
    const { client, other, probe } = await setUp(2)
    await client.send('{{')
    await client.gone()
    expect(probe.terminated).toEqual([{ shutdown: 'closed' }])
    await other.nothing()
  })

  it('a disconnect ends all connections of the id', async () => {
    const { endpoint, base, client } = await setUp()
    const named = [await connect(base, 'vsn=2.0.0&user=u1'), await connect(base, 'vsn=2.0.0&user=u1')]
    await endpoint.disconnect('u1')
    for (const each of named) await each.gone()
    await client.nothing()
  })

  it('a server that drains runs terminate of its channels', async () => {
    const { endpoint, probe } = await setUp(2)
    await endpoint.drain()
    expect(probe.terminated).toEqual([{ shutdown: 'draining' }, { shutdown: 'draining' }])
  })

  it('version 1 works, too', async () => {
    const { base } = await setUp()
    const client = await connect(base, '')
    await client.send('{"topic":"room:m","event":"phx_join","payload":{},"ref":"1"}')
    expect(await client.next()).toBe(`{"event":"phx_reply","payload":${OK},"ref":"1","topic":"room:m"}`)
  })
}

function join(topic: string, ref = '1'): string {
  return `["${ref}","${ref}","${topic}","phx_join",{}]`
}

function message(ref: string, event: string, payload = '{}'): string {
  return `["1","${ref}","room:m","${event}",${payload}]`
}

function error(head: string, reason: string): string {
  return `[${head},"phx_reply",{"response":{"reason":"${reason}"},"status":"error"}]`
}

/** Send one frame; exactly these frames are the answer. */
async function ask(client: TestClient, frame: string | Uint8Array, answers: string[]): Promise<void> {
  await client.send(frame)
  for (const answer of answers) expect(await client.next()).toBe(answer)
  await client.nothing()
}
