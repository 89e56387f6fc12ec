import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import type { Channel } from '../../../server/channel/channel.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'
import type { HistorySettings, Recovery, RecoveryRequest } from '../../../server/pubsub/history.ts'
import { LocalHistory } from '../../../server/pubsub/local-history.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { type Client, TestEndpoint } from '../../helpers/build-endpoint.ts'
import { crowd } from '../../helpers/crowd.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { connect, connectTo, JOIN, JOINED } from '../../helpers/one-channel.ts'

const refused = (ref: string, topic: string, reason: string) =>
  `["${ref}","${ref}","${topic}","phx_reply",{"response":{"reason":"${reason}"},"status":"error"}]`

const channelOn = (client: Client, topic: string) => client.socket.channelOn(topic) as Channel

/** Answers `recover` only when the test or the end of the topic says so, as a store beyond a network does. */
class SlowHistory extends LocalHistory {
  readonly #answers = new Set<(isReadable: boolean) => void>()

  override recover(
    topic: string,
    settings: HistorySettings,
    request: RecoveryRequest,
    answer: (recovery: Recovery | null) => void,
  ): void {
    this.#answers.add((isReadable) =>
      isReadable ? super.recover(topic, settings, request, answer) : answer(null),
    )
  }

  override unsubscribe(topic: string): void {
    this.answer(false)
    super.unsubscribe(topic)
  }

  answer(isReadable: boolean): void {
    const answers = [...this.#answers]
    this.#answers.clear()
    for (const answer of answers) answer(isReadable)
  }
}

const Log = defineContract({
  topic: 'log:*',
  outgoing: { msg: Type.Any(), blink: Type.Any() },
  history: { events: ['msg'], size: 10, maxBytes: 1_000, ttlMs: 60_000, onJoin: 5 },
})

/** A client whose join of `log:a` waits for the history. */
async function waiting(params: object) {
  let history: SlowHistory | undefined
  class Engine extends LocalEngine {
    override readonly openHistory = (host: ConstructorParameters<typeof LocalHistory>[0]) => {
      history = new SlowHistory(host)
      return history
    }
  }
  const endpoint = new TestEndpoint({ engine: new Engine(), histories: [Log] })
  const channel = defineChannel(Log, { join: () => ({ ok: {} }) })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  client.send(JSON.stringify(['1', '1', 'log:a', 'phx_join', params]))
  return { endpoint, client, answer: (isReadable: boolean) => history?.answer(isReadable) }
}

test('a channel that is revoked while its join waits for the history frees its topic once (AUTH-6)', async () => {
  const { endpoint, client, answer } = await waiting({ _since: null })
  client.send('["2","2","log:a","phx_join",{"_since":null}]')
  channelOn(client, 'log:a').revoke()
  answer(true)
  const [first, end, second] = client.take().map(String)
  expect([first, end]).toEqual([
    '["1","1","log:a","phx_reply",{"response":{},"status":"ok"}]',
    '["1","1","log:a","phx_close",{}]',
  ])
  expect(second).toMatch(/^\["2","2","log:a","phx_reply",.*"status":"ok"/)
  expect([endpoint.channelCount, client.socket.channelCount]).toEqual([1, 1])
  client.socket.closed('closed')
  expect(endpoint.channelCount).toBe(0)
})

test('a message that waits for a revoked join is answered as one to an unknown topic (MESSAGE-5)', async () => {
  const { client } = await waiting({ _since: null })
  client.send('["1","2","log:a","say",{}]')
  channelOn(client, 'log:a').revoke()
  expect(client.take()).toEqual([
    '["1","1","log:a","phx_reply",{"response":{},"status":"ok"}]',
    '["1","1","log:a","phx_close",{}]',
    '[null,"2","log:a","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]',
  ])
})

test.each([
  ['cannot be read', false],
  ['can be read', true],
])('broadcasts before the reply follow it once, if the history %s (JOIN-3)', async (_, isReadable) => {
  const { endpoint, client, answer } = await waiting({})
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  await endpoint.broadcast('log:a', 'blink', { n: 2 })
  await endpoint.broadcast('log:a', 'msg', { n: 3 })
  answer(isReadable)
  await turn()
  await endpoint.broadcast('log:a', 'msg', { n: 4 })
  expect(client.take()).toEqual([
    '["1","1","log:a","phx_reply",{"response":{},"status":"ok"}]',
    '[null,null,"log:a","msg",{"n":1}]',
    '[null,null,"log:a","blink",{"n":2}]',
    '[null,null,"log:a","msg",{"n":3}]',
    '[null,null,"log:a","msg",{"n":4}]',
  ])
})

test('unkept broadcasts stay in order with kept ones while the join waits for the history (RECOVERY-14)', async () => {
  const { endpoint, client, answer } = await waiting({ _since: null })
  await endpoint.broadcast('log:a', 'blink', { n: 1 })
  await endpoint.broadcast('log:a', 'msg', { n: 2 })
  await endpoint.broadcast('log:a', 'blink', { n: 3 })
  await endpoint.broadcast('log:a', 'msg', { n: 4 })
  answer(true)
  await turn()
  await turn()
  expect(client.take().slice(1)).toEqual([
    '[null,null,"log:a","blink",{"n":1}]',
    '[null,null,"log:a","msg",{"n":2,"_seq":1}]',
    '[null,null,"log:a","blink",{"n":3}]',
    '[null,null,"log:a","msg",{"n":4,"_seq":2}]',
  ])
})

test.each([
  ['its time is over', 'refuse'],
  ['its client leaves', 'leave'],
  ['nothing else happens', 'start'],
])('a join that is revoked before it starts keeps its reply, and never starts, if %s', async (_, then) => {
  const earlier = new Deferred<void>()
  const joined: string[] = []
  const endpoint = new TestEndpoint({ limits: { maxJoinWait: then === 'refuse' ? 1 : 5_000 } })
  const channel = defineUntypedChannel('room:*', {
    async join(_params, { topic }) {
      joined.push(topic)
      await earlier.promise
      return { ok: {} }
    },
  })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  client.send(JOIN)
  crowd(endpoint.admission)
  const others = endpoint.admission.waiting
  client.send('["2","2","room:b","phx_join",{}]')
  channelOn(client, 'room:b').revoke()
  expect(endpoint.admission.waiting).toBe(others)
  if (then === 'refuse') {
    const end = performance.now() + 2
    while (performance.now() < end);
  }
  if (then === 'leave') client.send('["2","3","room:b","phx_leave",{}]')
  while (endpoint.admission.waiting > 0) await turn()
  earlier.resolve()
  await turn()
  const left = '["2","3","room:b","phx_reply",{"response":{},"status":"ok"}]'
  expect(client.take()).toEqual([
    JOINED,
    refused('2', 'room:b', 'unauthorized'),
    ...(then === 'leave' ? [left] : []),
  ])
  expect(joined).toEqual(['room:a'])
})

test('a join whose connection closes while the response is encoded holds no subscription (END-4)', async () => {
  let close = (): void => {}
  const ends: unknown[] = []
  const { client, endpoint } = await connect({
    join: () => ({ ok: { toJSON: () => close() ?? {} } }),
    terminate: (reason) => void ends.push(reason),
  })
  close = () => client.socket.closed('closed')
  client.send(JOIN)
  expect([endpoint.pubsub.subscribers('room:a').size, ends]).toEqual([0, [shutdown('closed')]])
})

test.each([
  ['ok', { ok: { n: 1n } }],
  ['error', { error: { n: 1n } }],
])(
  'a join whose %s response cannot be sent has crashed: terminate is not called (END-4)',
  async (_, result) => {
    const ends: unknown[] = []
    const { client } = await connect({ join: () => result, terminate: (reason) => void ends.push(reason) })
    expect(client.ask(JOIN)).toEqual([refused('1', 'room:a', 'join crashed')])
    expect(ends).toEqual([])
  },
)

test('join is not called if the channel ends while authorize is pending (AUTH-6)', async () => {
  const decision = new Deferred<boolean>()
  let calls = 0
  const { client } = await connectTo(
    defineUntypedChannel('room:*', {
      authorize: () => decision.promise,
      join() {
        calls += 1
        return { ok: {} }
      },
    }),
  )
  client.send(JOIN)
  channelOn(client, 'room:a').revoke()
  decision.resolve(true)
  await turn()
  expect(client.take()).toEqual([refused('1', 'room:a', 'unauthorized')])
  expect(calls).toBe(0)
})

test.each([
  ['an array', [1], 'an array'],
  ['a number', 7, '7'],
  ['bytes', Uint8Array.of(1), 'bytes'],
  ['an object that becomes text', { toJSON: () => 'text' }, '"text"'],
])(
  'a join that asks for recovery and replies with %s has crashed, and is reported (RECOVERY-3)',
  async (_, response, shown) => {
    const { client, endpoint } = await joining(response)
    client.send('["1","1","log:a","phx_join",{"_since":null}]')
    await turn()
    expect(client.take()).toEqual([refused('1', 'log:a', 'join crashed')])
    const what = 'the topic has a history, so the reply to a join must be an object'
    expect(endpoint.causes).toMatchObject([{ code: 'PHX_ERR_RESULT', message: `${what} (got ${shown})` }])
  },
)

test('a join that asks for recovery may reply with null (RECOVERY-3)', async () => {
  const { client, endpoint } = await joining(null)
  const [reply] = client.ask('["1","1","log:a","phx_join",{"_since":null}]')
  expect(JSON.parse(String(reply))[4]).toMatchObject({
    status: 'ok',
    response: { _recovery: { seq: 0, recovered: false } },
  })
  expect(endpoint.errors).toEqual([])
})

/** A client of a topic with a history, whose joins are answered with this response. */
async function joining(response: unknown) {
  const endpoint = new TestEndpoint({ histories: [Log] })
  const channel = defineChannel(Log, { join: () => ({ ok: response as never }) })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  return { endpoint, client }
}
