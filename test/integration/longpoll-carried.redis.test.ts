import { expect, onTestFinished, test } from 'vitest'
import { Probe } from '../conformance/checklist/channel.ts'
import { testSocket } from '../conformance/checklist/fixture.ts'
import { request } from '../helpers/raw-http.ts'
import { twoNodes } from '../helpers/two-nodes.ts'
import { until } from '../helpers/until.ts'

const MB = 1_000_000
const JOIN = '["1","1","room:m","phx_join",{}]'

type Answer = { status: number; messages?: string[]; token: string }

/** Two nodes whose sessions may hold much, and requests to them. */
async function open() {
  // Long enough for a busy machine: all bodies wait for one another.
  const longpoll = { maxBufferedBytes: 20 * MB, maxFrameSize: 8 * MB, windowMs: 60_000 }
  const probe = new Probe()
  const socket = { socket: testSocket(probe), longpoll }
  const { one, two } = await twoNodes({ sockets: { '/socket': socket }, limits: { messageBytes: 8 * MB } })
  const ask = async (base: string, token: string, body?: string): Promise<Answer> => {
    const url = `${base}/socket/longpoll?vsn=2.0.0&user=u1&token=${encodeURIComponent(token)}`
    const given = body === undefined ? {} : { method: 'POST', body }
    return JSON.parse((await request(url, given)).body)
  }
  const session = async () => {
    const { token } = await ask(one.base, '')
    return token
  }
  const lost: unknown[] = []
  const nodes = [one, two].map(({ app }) => app.endpoint)
  const watch = setInterval(() => {
    for (const { engine } of nodes) if (engine.state !== 'up') lost.push(engine.state)
  }, 5)
  onTestFinished(() => clearInterval(watch))
  return { probe, one, two, ask, session, lost }
}

test('many large POSTs for a session of another node all arrive, and no node loses Redis (LONGPOLL-11)', async () => {
  const { probe, two, ask, session, lost } = await open()
  const token = await session()
  expect(await ask(two.base, token, JOIN)).toEqual({ status: 200 })
  const padding = 'x'.repeat(7.9 * MB)
  const post = (ref: number) =>
    ask(two.base, token, `["1","${ref}","room:m","later",{"padding":"${padding}"}]`)
  const answers = await Promise.all([2, 3, 4, 5, 6, 7, 8, 9].map(post))
  expect(answers).toEqual(answers.map(() => ({ status: 200 })))
  await until(() => probe.later.length === 8)
  for (const reply of probe.later) reply({})
  const { messages = [] } = await ask(two.base, token)
  expect(messages.map((text) => JSON.parse(text)[1]).sort()).toEqual([
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
  ])
  expect(lost).toEqual([])
}, 120_000)

test('many large responses for sessions of another node all arrive, and no node loses Redis', async () => {
  const { one, two, ask, session, lost } = await open()
  const tokens = await Promise.all(Array.from({ length: 8 }, session))
  for (const token of tokens) await ask(two.base, token, JOIN)
  for (const token of tokens) await ask(two.base, token)
  const padding = 'x'.repeat(7.9 * MB)
  one.app.endpoint.localBroadcast('room:m', 'news', { padding })
  const answers = await Promise.all(tokens.map((token) => ask(two.base, token)))
  expect(
    answers.map(({ status, messages = [] }) => [status, messages.map((text) => text.length > 7.9 * MB)]),
  ).toEqual(tokens.map(() => [200, [true]]))
  expect(lost).toEqual([])
}, 120_000)
