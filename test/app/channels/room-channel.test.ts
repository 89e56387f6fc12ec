import { expect, test, vi } from 'vitest'
import { Room } from '../../../server/app/contracts/room.ts'
import { NotificationWorker } from '../../../server/app/workers/notification-worker.ts'
import { startWorker } from '../../../server/testing/index.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { testChat } from '../../helpers/test-chat.ts'
import { authSecret, type Person } from '../../helpers/tokens.ts'

/** That of the room's presence. */
const WINDOW_MS = 500
const ann = { name: 'Ann', client: 'c-ann' }
const fromAnn = { from: { id: 'c-ann', name: 'Ann' } }
const present = { 'c-ann': { metas: [{ name: 'Ann', phx_ref: expect.any(String) }] } }

test('a user who joins with name and client is present under the client id, and gets the list of members', async () => {
  useFakeTimers()
  const room = await (await testChat()).join(ann)
  // With a token the reply says who the user is; without one it is empty.
  expect(room.reply).toEqual(authSecret === null ? {} : { user: fromAnn.from })
  await vi.advanceTimersByTimeAsync(WINDOW_MS)
  await room.pushed('presence_diff', { joins: present, leaves: {} })
  await room.pushed('presence_state', present)
  expect(await room.presences()).toEqual(present)
})

/** Names that the official client would take for somebody. */
const RESERVED = ['constructor', '__proto__', 'toString', 'hasOwnProperty']

test.each<[what: string, params: Person]>([
  ['an empty name', { ...ann, name: '' }],
  ['a name of 41 characters', { ...ann, name: 'x'.repeat(41) }],
  ['a name with a line break', { ...ann, name: 'Ann\n' }],
  ['a name that is not a string', { ...ann, name: 7 as never }],
  ['an empty client', { ...ann, client: '' }],
  ['a client of 65 characters', { ...ann, client: 'x'.repeat(65) }],
  ['a client with a space', { ...ann, client: 'c ann' }],
  ...RESERVED.map((client): [string, Person] => [client, { ...ann, client }]),
])('a join with %s is refused', async (_what, params) => {
  const socket = await (await testChat()).connect()
  await expect(socket.subscribeAndJoin(Room, 'room:lobby', params)).rejects.toThrow('invalid params')
})

test('a user who joins and leaves repeatedly causes one diff for each window, not for each change', async () => {
  useFakeTimers()
  const { join } = await testChat()
  const watcher = await join(ann)
  await vi.advanceTimersByTimeAsync(WINDOW_MS)
  await watcher.pushed('presence_diff', { joins: present })
  for (let round = 0; round < 20; round += 1) await (await join({ name: 'Bo', client: 'c-bo' })).leave()
  await watcher.refutePushed('presence_diff')
  await join({ name: 'Bo', client: 'c-bo' })
  await vi.advanceTimersByTimeAsync(WINDOW_MS)
  await watcher.pushed('presence_diff', { joins: { 'c-bo': {} } })
  await watcher.refutePushed('presence_diff')
})

test('a name of 40 birds, each of two UTF-16 units, has 40 characters and is accepted', async () => {
  await (await testChat()).join({ ...ann, name: '🐦'.repeat(40) })
})

test('a message of a named sender carries the sender and the id that the client gave', async () => {
  const { join } = await testChat()
  const [reader, writer] = [await join(), await join(ann)]
  writer.push('new_msg', { body: 'hello', id: 'm-1' })
  const message = { body: 'hello', id: 'm-1', ...fromAnn }
  for (const room of [reader, writer]) expect(await room.pushed('new_msg')).toEqual(message)
})

test('typing is broadcast to the others in the room', async () => {
  const { join } = await testChat()
  const [reader, writer] = [await join(), await join(ann)]
  writer.push('typing', {})
  expect(await reader.pushed('typing')).toEqual(fromAnn)
  await writer.refutePushed('typing')
})

test('a message reaches everybody in the room; a message of a guest has no author', async () => {
  const { join } = await testChat()
  const [reader, writer] = [await join(), await join()]
  writer.push('new_msg', { body: 'hello' })
  const from = authSecret === null ? {} : { from: { id: 'somebody', name: 'Somebody' } }
  for (const room of [reader, writer])
    expect(await room.pushed('new_msg')).toEqual({ body: 'hello', ...from })
})

test('a message that is sent again with its id is broadcast once; another text with that id is refused', async () => {
  const { join } = await testChat()
  const [reader, writer] = [await join(), await join(ann)]
  for (const body of ['hello', 'hello', 'later'])
    writer.push('new_msg', { body, ...(body === 'hello' && { id: 'm-1' }) })
  await reader.pushed('new_msg', { body: 'hello' })
  await reader.pushed('new_msg', { body: 'later' })
  await writer.push('new_msg', { body: 'good bye', id: 'm-1' }).reply('error', { reason: 'key_reused' })
})

test('two people may use the same id', async () => {
  const { join } = await testChat()
  const [reader, bo] = [await join(ann), await join({ name: 'Bo', client: 'c-bo' })]
  for (const [writer, body] of [
    [reader, 'one'],
    [bo, 'two'],
  ] as const)
    writer.push('new_msg', { body, id: 'm-1' })
  await reader.pushed('new_msg', { body: 'one' })
  await reader.pushed('new_msg', { body: 'two' })
})

test('a client that does not ask for recovery gets the same frames as without a history', async () => {
  const { endpoint, connect } = await testChat(null)
  await endpoint.publish(Room, 'room:lobby', 'new_msg', { body: 'before' })
  const room = await (await connect()).subscribeAndJoin(Room, 'room:lobby', {})
  expect(room.reply).toEqual({})
  room.push('new_msg', { body: 'hello' })
  expect(await room.pushed('new_msg')).toEqual({ body: 'hello' })
})

test('background messages are not kept', async () => {
  const { endpoint } = await testChat()
  const worker = await startWorker(NotificationWorker, { endpoint, every: 1 })
  const heard = new Promise((resolve) => endpoint.subscribe('room:lobby', resolve))
  await heard
  await worker.stop()
  expect(await endpoint.history(Room, 'room:lobby', { last: 10 })).toMatchObject({ head: 0, messages: [] })
})
