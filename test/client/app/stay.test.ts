import { expect, onTestFinished, test, vi } from 'vitest'
import { Conversation } from '../../../client/app/conversation.ts'
import { enterRoom } from '../../../client/app/stay.ts'
import { MemoryLine } from '../../helpers/memory-line.ts'

const GUEST = {}
const ANN = { name: 'Ann', client: 'c-ann' }

function enter(joinParams = GUEST) {
  const line = new MemoryLine({ rejoinAfterMs: () => 1 })
  line.open()
  const conversation = new Conversation('lobby')
  const changed = vi.fn()
  const stay = enterRoom(line.socket, conversation, { joinParams, changed })
  const failures = () => conversation.outbox.sends.map((send) => send.failure)
  return { line, conversation, changed, stay, failures }
}

function joined(joinParams = GUEST) {
  const room = enter(joinParams)
  room.line.reply('ok', {})
  return room
}

const person = (name: string, phx_ref: string) => ({ metas: [{ name, phx_ref }] })
const names = (conversation: Conversation) => conversation.people.map(({ name }) => name)

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
  enterRoom(line.socket, conversation, { joinParams: GUEST, changed })
  line.reply('ok', {})
  changed.mockClear()

  line.reply('ok', {}, leave)
  line.push([leave[0], leave[0], 'room:lobby', 'phx_close', {}])

  expect(conversation.membership).toBe('joined')
  expect(changed).not.toHaveBeenCalled()
})

test('a person joins under their name, and hears who is here', () => {
  const { line, conversation, changed } = enter(ANN)
  expect(line.last.slice(3)).toEqual(['phx_join', ANN])
  line.reply('ok', {})
  changed.mockClear()

  line.push([line.last[0], null, 'room:lobby', 'presence_state', { 'c-ann': person('Ann', '1') }])
  expect(names(conversation)).toEqual(['Ann'])

  const diff = { joins: { 'c-bob': person('Bob', '2') }, leaves: { 'c-ann': person('Ann', '1') } }
  line.push([null, null, 'room:lobby', 'presence_diff', diff])
  expect(names(conversation)).toEqual(['Bob'])
  expect(changed).toHaveBeenCalledTimes(2)
})

test('a guest keeps nothing of those who come and go', () => {
  const { line, conversation, changed } = joined()
  changed.mockClear()
  line.push([
    null,
    null,
    'room:lobby',
    'presence_diff',
    { joins: { 'c-bob': person('Bob', '2') }, leaves: {} },
  ])
  expect([conversation.people, changed.mock.calls]).toEqual([[], []])
})

test('nobody is known to be here while the connection is broken, and after it only who is', async () => {
  const { line, conversation } = joined(ANN)
  // Not followed by the state that it belongs to: the connection breaks before.
  line.push([
    null,
    null,
    'room:lobby',
    'presence_diff',
    { joins: { 'c-bob': person('Bob', '2') }, leaves: {} },
  ])
  line.drop()
  expect(names(conversation)).toEqual([])

  await vi.waitFor(() => expect(line.readyState).toBe(0))
  line.open()
  line.reply('ok', {})
  line.push([line.last[0], null, 'room:lobby', 'presence_state', { 'c-ann': person('Ann', '3') }])
  expect(names(conversation)).toEqual(['Ann'])
})

test('giving way leaves the channel for a stay under another name, without a gap', () => {
  const { line, conversation, changed, stay, failures } = joined(ANN)
  line.push([line.last[0], null, 'room:lobby', 'presence_state', { 'c-ann': person('Ann', '1') }])
  stay.send('hello')

  stay.giveWay()
  expect(line.last[3]).toBe('phx_leave')
  expect(failures()).toEqual(['You changed your name before the server confirmed it.'])
  expect(names(conversation)).toEqual([])

  enterRoom(line.socket, conversation, { joinParams: GUEST, changed })
  line.reply('ok', {})
  expect([conversation.membership, conversation.log.messages]).toEqual(['joined', []])
})
