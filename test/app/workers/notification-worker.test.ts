import { expect, onTestFinished, test, vi } from 'vitest'
import { NotificationWorker } from '../../../server/app/workers/notification-worker.ts'
import { type Broadcast, type Claim, LocalAdapter, LocalEngine } from '../../../server/index.ts'
import { startWorker, testEndpoint } from '../../../server/testing/index.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

/** A worker with a period of 5 s, and the broadcasts that this node's clients have heard since they were last asked. */
async function setUp(engine = new LocalEngine()) {
  useFakeTimers()
  const { endpoint, close } = await testEndpoint({ sockets: {}, engine })
  const heard: unknown[] = []
  for (const topic of ['room:global', 'room:lobby', 'room:den'])
    endpoint.subscribe(topic, ({ event, payload }) => heard.push([topic, event, payload]))
  const worker = await startWorker(NotificationWorker, { endpoint, every: 5_000 })
  onTestFinished(close)
  const after = async (ms: number) => {
    await vi.advanceTimersByTimeAsync(ms)
    return heard.splice(0)
  }
  return { worker, after }
}

const LINES = [
  ['room:global', 'new_msg', { body: 'Background ping' }],
  ['room:lobby', 'new_msg', { body: 'Lobby ping' }],
]

test('sends its message to each of its rooms once a period, and to no other room', async () => {
  const { after } = await setUp()
  expect(await after(4_999)).toEqual([])
  for (const ms of [1, 5_000, 5_000]) expect(await after(ms)).toEqual(LINES)
})

/** An engine that gives these answers, one for each claim, and an adapter that keeps what goes to other nodes. */
function scripted(...answers: Claim[]) {
  const published: string[] = []
  const publish = (broadcast: Broadcast) => void published.push(broadcast.topic)
  const engine = new LocalEngine(Object.assign(new LocalAdapter(), { publish }))
  const claim = async () => answers.shift() ?? { scope: 'nobody' as const, nextInMs: 60_000 }
  return { engine: Object.assign(engine, { claim }), published }
}

test('sends to all nodes, to its own clients or to nobody, according to the result of the claim', async () => {
  const scopes = ['nobody', 'cluster', 'node'] as const
  const { engine, published } = scripted(...scopes.map((scope) => ({ scope, nextInMs: 5_000 })))
  const { after } = await setUp(engine)
  expect([await after(5_000), published.splice(0)]).toEqual([[], []])
  expect([await after(5_000), published.splice(0)]).toEqual([LINES, ['room:global', 'room:lobby']])
  expect([await after(5_000), published.splice(0)]).toEqual([LINES, []])
})

test('claims again when the next period begins', async () => {
  const { engine } = scripted(
    { scope: 'cluster', nextInMs: 1_234 },
    { scope: 'nobody', nextInMs: 1 },
    { scope: 'cluster', nextInMs: 5_000 },
  )
  const { after } = await setUp(engine)
  await after(5_000)
  expect(await after(1_234)).toEqual([])
  expect(await after(1)).toEqual(LINES)
})

test('sends nothing after it is stopped', async () => {
  const { worker, after } = await setUp()
  await worker.stop()
  expect(await after(20_000)).toEqual([])
})
