import { Check } from 'typebox/value'
import { expect, test, vi } from 'vitest'
import { Figures, type LoggedFrame, type Nodes, Topics } from '../../../server/dashboard/contract.ts'
import { defineSocket, defineUntypedChannel, telemetry } from '../../../server/index.ts'
import type { Client } from '../../helpers/build-endpoint.ts'
import { memoryCluster } from '../../helpers/memory-cluster.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'
import { told, watched } from '../../helpers/watched.ts'

const say = '["1","2","room:den","new_msg",{"body":"hi"}]'

/** The latest figures of each node that a page has received. */
function latest(client: Client) {
  const nodes = told(client, 'nodes') as Nodes[]
  return nodes.at(-1)?.nodes.map(({ figures }) => figures) ?? []
}

test('a join is answered with the node that the page is connected to', async () => {
  const { endpoint, watch } = watched()
  const { answer } = await watch()
  const [, , topic, event, { status, response }] = JSON.parse(answer)
  expect([topic, event, status]).toEqual(['dashboard', 'phx_reply', 'ok'])
  expect(response).toEqual({
    id: endpoint.nodeId,
    host: expect.any(String),
    pid: process.pid,
    version: process.version,
    startedAt: expect.any(Number),
  })
})

test('without an open page nothing is read or counted', async () => {
  const { watch } = watched()
  const timers = vi.getTimerCount()
  expect(telemetry.channelHandledIn.hasSubscribers).toBe(false)

  const { client } = await watch()
  expect(telemetry.channelHandledIn.hasSubscribers).toBe(true)

  client.send('["1","2","dashboard","phx_leave",{}]')
  await vi.advanceTimersByTimeAsync(0)
  expect([vi.getTimerCount() - timers, telemetry.channelHandledIn.hasSubscribers]).toEqual([0, false])
})

test('reading continues until the last page is closed, however it is closed', async () => {
  const { watch } = watched()
  const [first, second] = [await watch(), await watch()]

  first.client.send('["1","2","dashboard","phx_leave",{}]')
  second.client.take()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told(second.client, 'nodes')).toHaveLength(1)

  second.client.socket.closed('disconnected')
  expect(telemetry.channelHandledIn.hasSubscribers).toBe(false)
})

test('figures are sent once a second, in the form of the contract', async () => {
  const { watch, enter } = watched()
  const ann = await enter('den', 'Ann')
  const { client } = await watch()
  expect(latest(client)).toEqual([null])

  ann.send(say, say, say)
  await vi.advanceTimersByTimeAsync(2_000)
  const [first, second, ...others] = told(client, 'nodes') as Nodes[]
  expect(others).toEqual([])
  const figures = [first, second].map((one) => one?.nodes[0]?.figures ?? null)
  expect(figures).toContainEqual(
    expect.objectContaining({
      connections: { websocket: 0, longpoll: 0 },
      messages: { in: 3, out: expect.any(Number) },
      latency: { mean: expect.any(Number), p99: expect.any(Number) },
      presences: [{ name: 'room:*', size: 1 }],
      workers: [],
    }),
  )
  expect(Check(Figures, figures.at(-1))).toBe(true)
})

test("the dashboard's own socket is not in the figures", async () => {
  const { watch } = watched()
  const { client } = await watch()
  await vi.advanceTimersByTimeAsync(3_000)
  expect(latest(client)).toMatchObject([
    {
      connections: { websocket: 0, longpoll: 0 },
      messages: { in: 0, out: 0 },
      bytes: { in: 0, out: 0 },
      latency: null,
    },
  ])
})

test('refused joins are counted by reason', async () => {
  const { endpoint, watch, enter } = watched()
  const { client } = await watch()
  await enter('a,b', 'Ann')
  await enter('x', '')
  await vi.advanceTimersByTimeAsync(2_000)
  const [figures] = latest(client)
  expect(figures?.refusedJoins).toEqual(
    expect.arrayContaining([{ reason: expect.any(String), count: expect.any(Number) }]),
  )
  expect(endpoint.channelCount).toBe(0)
})

test('topics are sent at once and then every two seconds', async () => {
  const { watch, enter } = watched()
  await enter('den', 'Ann')
  const { client } = await watch()
  const [topics, ...others] = told(client, 'topics')
  expect(others).toEqual([])
  expect(topics).toEqual({
    topics: [{ topic: 'room:den', count: 1, members: [{ name: 'Ann', connections: 1 }], present: 1 }],
    isAll: true,
  })
  expect(Check(Topics, topics)).toBe(true)

  await vi.advanceTimersByTimeAsync(4_000)
  expect(told(client, 'topics')).toHaveLength(2)
})

test('the 50 busiest topics and the first 20 members of each are listed', async () => {
  const { watch, enter } = watched()
  for (let n = 0; n < 60; n++) await enter(`room ${n}`, 'Ann')
  for (let n = 0; n < 30; n++) await enter('lobby', `Person-${n}`)
  const { client } = await watch()
  const [{ topics, isAll }] = told(client, 'topics') as [Topics]
  expect([topics.length, isAll]).toEqual([50, false])
  expect(topics[0]).toMatchObject({ topic: 'room:lobby', count: 30, present: 30 })
  expect(topics[0]?.members).toHaveLength(20)
})

test('supervised workers are listed with their restarts, and can be restarted', async () => {
  const { endpoint, watch, supervisor } = watched()
  const trace = new Trace()
  await supervisor.startChild({ worker: tracedWorker('one'), context: { trace } })
  const { client } = await watch()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(latest(client)).toMatchObject([{ workers: [{ id: 'one', status: 'running', restarts: 0 }] }])

  vi.useRealTimers()
  client.send(`["1","2","dashboard","restart",{"node":"${endpoint.nodeId}","worker":"one"}]`)
  await trace.has('one init', 2)
  await expect.poll(() => client.take().map(String).join()).toContain('"done":true')
})

test('only the frames of the chosen topic are logged, without secrets', async () => {
  const { watch, enter } = watched()
  const ann = await enter('den', 'Ann')
  const bob = await enter('lobby', 'Bob')
  const { client } = await watch()
  client.send('["1","2","dashboard","log",{"by":"topic","value":"room:den"}]')
  await vi.advanceTimersByTimeAsync(1_000)
  client.take()

  ann.send('["1","2","room:den","new_msg",{"body":"hi","token":"s3cret"}]')
  bob.send('["1","2","room:lobby","new_msg",{"body":"other"}]')
  await vi.advanceTimersByTimeAsync(2_000)
  const frames = (told(client, 'frames') as { frames: { direction: string; payload: string }[] }[]).flatMap(
    (one) => one.frames,
  )
  const text = JSON.stringify(frames)
  expect(frames.map(({ direction }) => direction)).toEqual(expect.arrayContaining(['in', 'broadcast']))
  expect(text).toContain('hi')
  expect(text).toContain('[FILTERED]')
  expect(text).not.toMatch(/s3cret|other/)

  client.send('["1","3","dashboard","log",{"by":"nothing"}]')
  client.take()
  ann.send(say)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(told(client, 'frames')).toEqual([])
})

test.each(['1.0.0', '2.0.0'])(
  'replies and pushes are logged without secrets, bytes with their size (%s)',
  async (vsn) => {
    const { endpoint, watch } = watched()
    const Vault = defineUntypedChannel('vault:*', {
      join: () => ({ ok: { token: 's3cret', kind: 'joined' } }),
      handleIn: {
        open(_payload, socket) {
          socket.push('opened', { user: { password: 's3cret', name: 'Ann' } })
          if (vsn === '2.0.0') socket.push('image', new Uint8Array([1, 2, 3]))
          return { ok: { token: 's3cret', n: 1 } }
        },
      },
    })
    const { client } = await watch()
    client.send('["1","2","dashboard","log",{"by":"topic","value":"vault:a"}]')
    await vi.advanceTimersByTimeAsync(1_000)
    client.take()

    const ann = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(Vault), { vsn })
    const frame = (ref: string, event: string) =>
      vsn === '2.0.0'
        ? JSON.stringify(['1', ref, 'vault:a', event, {}])
        : JSON.stringify({ topic: 'vault:a', event, payload: {}, ref, join_ref: '1' })
    ann.send(frame('1', 'phx_join'), frame('2', 'open'))
    await vi.advanceTimersByTimeAsync(2_000)
    const frames = told(client, 'frames').flatMap((one) => (one as { frames: LoggedFrame[] }).frames)
    const out = frames.flatMap(({ direction, event, payload }) =>
      direction === 'out' ? `${event} ${payload}` : [],
    )
    expect(out).toEqual([
      'phx_reply {"response":{"token":"[FILTERED]","kind":"joined"},"status":"ok"}',
      'opened {"user":{"password":"[FILTERED]","name":"Ann"}}',
      ...(vsn === '2.0.0' ? [expect.stringMatching(/^\d+ bytes $/)] : []),
      'phx_reply {"response":{"token":"[FILTERED]","n":1},"status":"ok"}',
    ])
  },
)

test('all nodes are shown, and read only as long as they are asked', async () => {
  const [one, two] = memoryCluster()
  const here = watched(one)
  const there = watched(two)
  const { client } = await here.watch()
  const bob = await there.enter('den', 'Bob')
  client.send('["1","2","dashboard","log",{"by":"topic","value":"room:den"}]')
  await vi.advanceTimersByTimeAsync(2_000)
  client.take()
  bob.send(say)
  await vi.advanceTimersByTimeAsync(3_000)
  const frames = client.take().map(String)
  const last = frames.filter((frame) => frame.includes('"nodes"')).at(-1) ?? ''
  expect(JSON.parse(last)[4].nodes.map(({ node }: { node: { id: string } }) => node.id)).toEqual([
    one.nodeId,
    two.nodeId,
  ])
  expect(frames.filter((frame) => frame.includes('"frames"')).join()).toContain(two.nodeId)

  client.socket.closed('disconnected')
  await vi.advanceTimersByTimeAsync(4_000)
  expect(telemetry.channelHandledIn.hasSubscribers).toBe(true)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(telemetry.channelHandledIn.hasSubscribers).toBe(false)
})
