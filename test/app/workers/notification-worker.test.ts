import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { UserSocket } from '../../../server/app/user-socket.ts'
import { NotificationWorker } from '../../../server/app/workers/notification-worker.ts'
import { Supervisor } from '../../../server/index.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

/** A supervised worker, and what members of these rooms have received since they last looked. */
async function setUp(...rooms: string[]) {
  const endpoint = new TestEndpoint()
  const clients = await Promise.all(rooms.map(() => endpoint.connect(UserSocket)))
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

test('says nothing more once it is stopped', async () => {
  const { supervisor, take } = await setUp('global')
  await supervisor.stop()
  await vi.advanceTimersByTimeAsync(20_000)
  expect(take()).toEqual([])
})
