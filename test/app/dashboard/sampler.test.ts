import { Check } from 'typebox/value'
import { expect, test, vi } from 'vitest'
import { Figures, Rooms } from '../../../server/app/contracts/dashboard.ts'
import { telemetry } from '../../../server/index.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'
import { told, watched } from '../../helpers/watched.ts'

const say = '["1","2","room:den","new_msg",{"body":"hi"}]'

test('reads and counts nothing while nobody watches', async () => {
  const { watch } = watched()
  const timers = vi.getTimerCount()
  expect(telemetry.channelHandledIn.hasSubscribers).toBe(false)

  const { client } = await watch()
  expect([vi.getTimerCount() - timers, telemetry.channelHandledIn.hasSubscribers]).toEqual([1, true])

  client.send('["1","2","dashboard","phx_leave",{}]')
  expect([vi.getTimerCount() - timers, telemetry.channelHandledIn.hasSubscribers]).toEqual([0, false])
})

test('goes on until the last has gone, however they go', async () => {
  const { watch } = watched()
  const timers = vi.getTimerCount()
  const [first, second] = [await watch(), await watch()]
  expect(vi.getTimerCount() - timers).toBe(1)

  first.client.send('["1","2","dashboard","phx_leave",{}]')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told(second.client, 'figures')).toHaveLength(1)

  second.client.socket.closed('disconnected')
  expect(vi.getTimerCount() - timers).toBe(0)
})

test('tells once a second what happened in it, as the contract says', async () => {
  const { watch, enter } = watched()
  const ann = await enter('den', 'Ann')
  const { client } = await watch()

  ann.send(say, say, say)
  await vi.advanceTimersByTimeAsync(1_000)
  const [figures, ...others] = told(client, 'figures')
  expect(others).toEqual([])
  expect(figures).toMatchObject({
    connections: { websocket: 0, longpoll: 0 },
    messages: { in: 3, out: 3 },
    latency: { mean: expect.any(Number) },
    workers: [],
  })
  expect(Check(Figures, figures)).toBe(true)
})

test('what the dashboard itself is told is no message', async () => {
  const { watch } = watched()
  const { client } = await watch()
  await vi.advanceTimersByTimeAsync(3_000)
  const figures = told(client, 'figures')
  expect(figures).toHaveLength(3)
  for (const one of figures) {
    expect(one).toMatchObject({ messages: { in: 0, out: 0 }, bytes: { in: 0, out: 0 }, latency: null })
  }
})

test('tells at once and every two seconds who is in which room', async () => {
  const { watch, enter } = watched()
  await enter('den', 'Ann')
  const { client } = await watch()
  const nobody = { members: [], guests: 0, count: 0 }
  const [rooms, ...others] = told(client, 'rooms')
  expect(others).toEqual([])
  expect(rooms).toEqual({
    rooms: [
      { room: 'global', ...nobody },
      { room: 'lobby', ...nobody },
      { room: 'den', members: [{ name: 'Ann', connections: 1 }], guests: 0, count: 1 },
    ],
    unlisted: 0,
  })
  expect(Check(Rooms, rooms)).toBe(true)

  await vi.advanceTimersByTimeAsync(4_000)
  expect(told(client, 'rooms')).toHaveLength(2)
})

test('tells which workers are supervised, and how often they were restarted', async () => {
  const { watch, supervisor } = watched()
  const trace = new Trace()
  await supervisor.startChild({ worker: tracedWorker('one'), context: { trace } })
  const { client } = await watch()

  await vi.advanceTimersByTimeAsync(1_000)

  expect(told(client, 'figures')).toMatchObject([
    { workers: [{ id: 'one', status: 'running', restarts: 0 }] },
  ])
})
