import { expect, onTestFinished, test, vi } from 'vitest'
import { Conversation } from '../../../client/app/conversation.ts'
import { enterRoom } from '../../../client/app/stay.ts'
import { MemoryLine } from '../../helpers/memory-line.ts'

function enter() {
  const line = new MemoryLine({ rejoinAfterMs: () => 1 })
  line.open()
  const conversation = new Conversation('lobby')
  const changed = vi.fn()
  const stay = enterRoom(line.socket, conversation, changed)
  const failures = () => conversation.outbox.sends.map((send) => send.failure)
  return { line, conversation, changed, stay, failures }
}

function joined() {
  const room = enter()
  room.line.reply('ok', {})
  return room
}

function useFakeTimers(): void {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
}

test('entering joins the room’s topic', () => {
  const { line, conversation } = enter()
  expect(line.last.slice(2)).toEqual(['room:lobby', 'phx_join', {}])
  line.reply('ok', {})
  expect(conversation.membership).toBe('joined')
})

test('a message is pushed, and its echo makes it our own', () => {
  const { line, conversation, stay, failures } = joined()
  stay.send('hello')
  expect(line.last.slice(2)).toEqual(['room:lobby', 'new_msg', { body: 'hello' }])
  expect(failures()).toEqual([null])

  line.push([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])
  expect(conversation.log.messages).toMatchObject([{ kind: 'own', body: 'hello' }])
  expect(failures()).toEqual([])
})

test('a message written before the join is answered is pushed after it', () => {
  const { line, stay } = enter()
  stay.send('early')
  expect(line.last[3]).toBe('phx_join')
  line.reply('ok', {})
  expect(line.last.slice(3)).toEqual(['new_msg', { body: 'early' }])
})

test('an error reply fails the send with the server’s reason', () => {
  const { line, stay, failures } = joined()
  stay.send('hello')
  line.reply('error', { reason: 'invalid payload' })
  expect(failures()).toEqual(['The server refused it: invalid payload.'])
})

test('an error reply without a reason fails the send all the same', () => {
  const { line, stay, failures } = joined()
  stay.send('hello')
  line.reply('error', null)
  expect(failures()).toEqual(['The server refused it: no reason given.'])
})

test('a send without an echo within 10 s has failed', () => {
  useFakeTimers()
  const { stay, failures } = joined()
  stay.send('hello')
  vi.advanceTimersByTime(9_999)
  expect(failures()).toEqual([null])
  vi.advanceTimersByTime(1)
  expect(failures()).toEqual(['The server did not confirm it within 10 seconds.'])
})

test('a send whose echo came does not fail later', () => {
  useFakeTimers()
  const { line, stay, failures } = joined()
  stay.send('hello')
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])
  stay.send('next')
  vi.advanceTimersByTime(9_999)
  expect(failures()).toEqual([null])
})

test.each([
  ['the channel crashes', 'phx_error', 'lost'],
  ['the server closes the channel', 'phx_close', 'closed'],
])('pending sends fail when %s', (_what, event, membership) => {
  const { line, conversation, stay, failures } = joined()
  stay.send('hello')
  line.push([line.last[0], line.last[0], 'room:lobby', event, {}])
  expect(conversation.membership).toBe(membership)
  expect(failures()).not.toContain(null)
})

test('pending sends fail when the connection breaks, and the rejoin does not send them again', async () => {
  const { line, conversation, stay, failures } = joined()
  stay.send('hello')
  line.drop()
  expect([conversation.membership, failures().length]).toEqual(['lost', 1])

  await vi.waitFor(() => expect(line.readyState).toBe(0))
  line.open()
  expect(line.last[3]).toBe('phx_join')
  line.reply('ok', {})
  expect(conversation.membership).toBe('joined')
  expect(line.last[3]).toBe('phx_join')
  expect(failures()).not.toContain(null)
})

test('a failed send is sent again on demand', () => {
  const { line, conversation, stay, failures } = joined()
  stay.send('hello')
  line.reply('error', { reason: 'busy' })
  stay.retry(conversation.outbox.sends[0]?.id ?? 0)
  expect(line.last.slice(3)).toEqual(['new_msg', { body: 'hello' }])
  expect(failures()).toEqual([null])
})

test('a failed send is dropped on demand', () => {
  const { line, conversation, stay, failures } = joined()
  stay.send('hello')
  line.reply('error', { reason: 'busy' })
  stay.discard(conversation.outbox.sends[0]?.id ?? 0)
  expect(failures()).toEqual([])
})

test('a refused join says why and is tried again', async () => {
  const { line, conversation } = enter()
  line.reply('error', { reason: 'invalid room' })
  expect([conversation.membership, conversation.refusal]).toEqual(['refused', 'invalid room'])

  await vi.waitFor(() => expect(line.sent).toHaveLength(2))
  line.reply('ok', {})
  expect(conversation.membership).toBe('joined')
})

test('leaving leaves the channel and fails what is pending', () => {
  const { line, conversation, stay, failures } = joined()
  stay.send('hello')
  stay.leave()
  expect(line.last[3]).toBe('phx_leave')
  expect(conversation.membership).toBe('closed')
  expect(failures()).toEqual(['You left the room before the server confirmed it.'])
})

test('the end of a stay does not touch the next one in the same room', () => {
  const { line, conversation, changed, stay } = joined()
  stay.leave()
  const leave = line.last
  enterRoom(line.socket, conversation, changed)
  line.reply('ok', {})
  changed.mockClear()

  line.reply('ok', {}, leave)
  line.push([leave[0], leave[0], 'room:lobby', 'phx_close', {}])

  expect(conversation.membership).toBe('joined')
  expect(changed).not.toHaveBeenCalled()
})
