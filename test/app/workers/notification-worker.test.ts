import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { userSocket } from '../../../server/app/user-socket.ts'
import { NotificationWorker } from '../../../server/app/workers/notification-worker.ts'
import { type Broadcast, type Claim, LocalAdapter, LocalEngine, Supervisor } from '../../../server/index.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

/** A supervised worker, and what members of these rooms have received since they last looked. */
async function setUp(...rooms: string[]) {
  return setUpWith(new LocalEngine(), ...rooms)
}

async function setUpWith(engine: LocalEngine, ...rooms: string[]) {
  const endpoint = new TestEndpoint({ engine })
  const clients = await Promise.all(rooms.map(() => endpoint.connect(userSocket(null))))
  for (const [index, room] of rooms.entries()) clients[index]?.ask(`["1","1","room:${room}","phx_join",{}]`)
  const supervisor = new Supervisor({ strategy: 'one_for_one' })
  await supervisor.startChild({ worker: NotificationWorker, context: { endpoint, every: 5_000 } })
  return { supervisor, take: () => clients.flatMap((client) => client.take()) }
}

const GLOBAL = '[null,null,"room:global","new_msg",{"body":"Background ping"}]'
const LOBBY = '[null,null,"room:lobby","new_msg",{"body":"Lobby ping"}]'

test('says its line in each of its rooms, every so often, and nowhere else', async () => {
  const { supervisor, take } = await setUp('global', 'lobby', 'den')
  await vi.advanceTimersByTimeAsync(4_999)
  expect(take()).toEqual([])
  for (let round = 0; round < 3; round++) {
    await vi.advanceTimersByTimeAsync(round === 0 ? 1 : 5_000)
    expect(take()).toEqual([GLOBAL, LOBBY])
  }
  await supervisor.stop()
})

/** An engine that gives these answers, one for each claim, and an adapter that keeps what goes to other nodes. */
function scripted(...answers: Claim[]) {
  const published: string[] = []
  const publish = (broadcast: Broadcast) => void published.push(broadcast.topic)
  const engine = new LocalEngine(Object.assign(new LocalAdapter(), { publish }))
  const claim = async () => answers.shift() ?? { scope: 'nobody' as const, nextInMs: 60_000 }
  return { engine: Object.assign(engine, { claim }), published }
}

test('says it to all, to its own clients or not at all, as the claim has it', async () => {
  const { engine, published } = scripted(
    { scope: 'nobody', nextInMs: 5_000 },
    { scope: 'cluster', nextInMs: 5_000 },
    { scope: 'node', nextInMs: 5_000 },
  )
  const { take } = await setUpWith(engine, 'global')

  await vi.advanceTimersByTimeAsync(5_000)
  expect([take(), published.splice(0)]).toEqual([[], []])
  await vi.advanceTimersByTimeAsync(5_000)
  expect([take(), published.splice(0)]).toEqual([[GLOBAL], ['room:global', 'room:lobby']])
  await vi.advanceTimersByTimeAsync(5_000)
  expect([take(), published.splice(0)]).toEqual([[GLOBAL], []])
})

test('claims again when the next period begins', async () => {
  const { engine } = scripted(
    { scope: 'cluster', nextInMs: 1_234 },
    { scope: 'nobody', nextInMs: 1 },
    { scope: 'cluster', nextInMs: 5_000 },
  )
  const { take } = await setUpWith(engine, 'global')
  await vi.advanceTimersByTimeAsync(5_000)
  take()
  await vi.advanceTimersByTimeAsync(1_234)
  expect(take()).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(take()).toEqual([GLOBAL])
})

test('says nothing more once it is stopped', async () => {
  const { supervisor, take } = await setUp('global')
  await supervisor.stop()
  await vi.advanceTimersByTimeAsync(20_000)
  expect(take()).toEqual([])
})
