import { once } from 'node:events'
import { get } from 'node:http'
import { describe, expect, it, test } from 'vitest'
import { Probe } from '../conformance/checklist/channel.ts'
import { testSocket } from '../conformance/checklist/fixture.ts'
import { startClock } from '../helpers/clock.ts'
import { turn } from '../helpers/deferred.ts'
import { connectLongPoll } from '../helpers/poll-client.ts'
import { type RawRequest, request } from '../helpers/raw-http.ts'
import { connectWebSocket } from '../helpers/test-client.ts'
import { type Node, twoNodes } from '../helpers/two-nodes.ts'
import { until } from '../helpers/until.ts'
import { channelsSuite, type Served } from './channels.suite.ts'

const JOIN = '["1","1","room:m","phx_join",{}]'
const JOINED = '["1","1","room:m","phx_reply",{"response":{},"status":"ok"}]'
const echoed = (ref: number) => `["1","${ref}","room:m","phx_reply",{"response":{},"status":"ok"}]`
const echo = (ref: number) => `["1","${ref}","room:m","echo",{}]`
/** Message that follows a poll on its way to the owner. When it is answered, the poll has arrived. */
const FOLLOWING = '["1","2","room:m","noreply",{}]'

const open = () => {
  const probe = new Probe()
  const socket = { socket: testSocket(probe), longpoll: true }
  return { probe, nodes: twoNodes({ sockets: { '/socket': socket, '/other': socket } }) }
}

/** Two nodes that are one to their clients. */
async function openServed(): Promise<Served> {
  const { probe, nodes } = open()
  const { one, two, base } = await nodes
  const ends = [one, two].map(({ app }) => app.endpoint)
  return {
    probe,
    base,
    endpoint: {
      broadcast: one.app.endpoint.broadcast.bind(one.app.endpoint),
      disconnect: two.app.endpoint.disconnect.bind(two.app.endpoint),
      drain: async () => void (await Promise.all(ends.map((end) => end.drain()))),
    },
  }
}

describe('channels over long-poll, by two nodes in turn', () => channelsSuite(connectLongPoll, openServed))

describe('channels over WebSocket, on two nodes', () => channelsSuite(connectWebSocket, openServed))

type Answer = { status: number; messages: string[]; token: string }

/** A session that `one` owns, and requests for it by either node. */
async function session() {
  const { one, two, redis } = await open().nodes
  const ask = async ({ base }: Node, query: string, given?: RawRequest): Promise<Answer> =>
    JSON.parse((await request(`${base}/socket/longpoll?vsn=2.0.0${query}`, given)).body)
  let { token } = await ask(one, '&user=u1')
  const query = () => `&token=${encodeURIComponent(token)}`
  return {
    one,
    two,
    redis,
    token,
    query,
    /** As official clients do, show the latest token. */
    async poll(node: Node): Promise<Answer> {
      const answer = await ask(node, query())
      if (answer.status !== 410) token = answer.token
      return answer
    },
    pollAs: (node: Node, old: string) => ask(node, `&token=${encodeURIComponent(old)}`),
    post: (node: Node, ...frames: string[]) =>
      ask(node, query(), {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: frames.join('\n'),
      }),
    /** A request that has come to the node. */
    async arrived<T>(node: Node, asked: () => Promise<T>): Promise<{ answer: Promise<T> }> {
      const request = once(node.app.server, 'request')
      const answer = asked()
      await request
      await turn()
      return { answer }
    },
  }
}

describe('a session of another node', () => {
  it('can be polled and posted to by way of this node, which the token shows (LONGPOLL-11)', async () => {
    const { two, poll, pollAs, post, token } = await session()
    expect(await post(two, JOIN)).toEqual({ status: 200 })
    const first = await poll(two)
    expect(first).toEqual({ status: 200, messages: [JOINED], token: expect.any(String) })
    expect(first.token).not.toBe(token)
    await post(two, echo(2), echo(3))
    // Also for a client that keeps its first token nothing comes twice.
    expect((await pollAs(two, token)).messages).toEqual([echoed(2), echoed(3)])
    await post(two, echo(4))
    expect((await pollAs(two, token)).messages).toEqual([echoed(4)])
  })

  it('gives the frames to the newer of two polls, whichever nodes they use (LONGPOLL-5)', async () => {
    const { one, two, poll, post, arrived } = await session()
    await post(one, JOIN)
    await poll(one)
    for (const [older, newer] of [
      [one, two],
      [two, one],
      [two, two],
    ] as const) {
      const first = await arrived(older, () => poll(older))
      await post(older, FOLLOWING)
      const second = await arrived(newer, () => poll(newer))
      expect(await first.answer).toMatchObject({ status: 204, messages: [] })
      await post(one, echo(2))
      expect(await second.answer).toMatchObject({ status: 200, messages: [echoed(2)] })
    }
  })

  it('learns when the client hangs up, and keeps the messages for the next poll', async () => {
    const { one, two, poll, post, query, arrived } = await session()
    await post(one, JOIN)
    await poll(one)
    const given = get(`${two.base}/socket/longpoll?vsn=2.0.0${query()}`)
    given.on('error', () => {})
    await arrived(two, async () => {})
    const closed = new Promise((resolve) => given.on('close', resolve))
    given.destroy()
    await closed
    await post(two, echo(2))
    expect((await poll(one)).messages).toEqual([echoed(2)])
  })

  it('is not a session of another mount', async () => {
    const { two, query } = await session()
    const other = await request(`${two.base}/other/longpoll?vsn=2.0.0${query()}`, {
      method: 'POST',
      body: JOIN,
    })
    expect(other.body).toBe('{"status":410}')
  })

  it('ends with its node: a waiting poll ends at once, and the next one is answered 410', async () => {
    const { one, two, poll, post, arrived } = await session()
    await post(two, JOIN)
    await poll(two)
    const { answer } = await arrived(two, () => poll(two))
    await post(two, FOLLOWING)
    await one.app.close()
    expect(await answer).toMatchObject({ status: 204, messages: [] })
    expect(await post(two, JOIN)).toEqual({ status: 410 })
    const next = await poll(two)
    expect(next).toEqual({ status: 410, messages: [], token: expect.any(String) })
  })

  it('survives a node that forwards its poll, and loses nothing', async () => {
    const { one, two, poll, post, arrived } = await session()
    await post(two, JOIN)
    await poll(two)
    const { answer } = await arrived(two, () => poll(two))
    const began = startClock()
    await two.app.close()
    expect(await answer).toMatchObject({ status: 204, messages: [] })
    expect(began()).toBeLessThan(3_000)
    await post(one, echo(2))
    expect((await poll(one)).messages).toEqual([echoed(2)])
  })

  it('can be disconnected by any node', async () => {
    const { two, poll, post, arrived } = await session()
    await post(two, JOIN)
    await poll(two)
    const { answer } = await arrived(two, () => poll(two))
    await post(two, FOLLOWING)
    await two.app.endpoint.disconnect('u1')
    expect(await answer).toMatchObject({ status: 204 })
    expect(await poll(two)).toMatchObject({ status: 410 })
  })

  it('does not count as gone while Redis is away; its messages arrive later (LONGPOLL-13)', async () => {
    const { one, two, redis, poll, post, arrived } = await session()
    await post(two, JOIN)
    await poll(two)
    await redis.kill()
    await until(() => two.app.endpoint.engine.state === 'down')
    const { answer } = await arrived(two, () => poll(two))
    await post(one, echo(2))
    await redis.start()
    expect(await answer).toMatchObject({ status: 200, messages: [echoed(2)] })
  })
})

test('topics and members include all nodes, and only this node while Redis is away', async () => {
  const { one, two, redis } = await open().nodes
  for (const { base } of [one, two, two]) await (await connectWebSocket(base)).send(JOIN)
  const endpoints = [one, two].map(({ app }) => app.endpoint)
  await expect.poll(() => Promise.all(endpoints.map((each) => each.memberCount('room:m')))).toEqual([3, 3])
  expect(await Promise.all(endpoints.map((each) => each.topics('room:')))).toEqual([['room:m'], ['room:m']])
  await redis.kill()
  await until(() => endpoints.every((each) => each.engine.state === 'down'))
  expect(await Promise.all(endpoints.map((each) => each.memberCount('room:m')))).toEqual([1, 2])
})
