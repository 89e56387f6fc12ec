import { expect, onTestFinished, test, vi } from 'vitest'
import { Conversation } from '../../../client/app/conversation.ts'
import { Identity } from '../../../client/app/identity.ts'
import { enterRoom } from '../../../client/app/room-session.ts'
import { memoryStore } from '../../../client/app/store.ts'
import { MemoryLine } from '../../helpers/memory-line.ts'

const GUEST = {}
const ANN = { name: 'Ann', client: 'c-ann' }

function enter(joinParams = GUEST) {
  const line = new MemoryLine({ rejoinAfterMs: () => 1 })
  line.open()
  const me = new Identity(memoryStore())
  const conversation = new Conversation('lobby', me)
  const [changed, signedIn, expiring] = [vi.fn(), vi.fn(), vi.fn()]
  const readTimes = async () => null
  const options = { joinParams, signedIn, expiring, readTimes, changed }
  const session = enterRoom(line.socket, conversation, options)
  const states = () => conversation.outbox.sends.map(({ state }) => state)
  const reasons = () => conversation.outbox.sends.map(({ reason }) => reason)
  /** The server broadcasts what was pushed last. */
  const echo = () => line.push([null, null, 'room:lobby', 'new_msg', line.last[4]])
  return { line, me, conversation, options, changed, signedIn, session, states, reasons, echo }
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
  expect(line.last.slice(2)).toEqual(['room:lobby', 'phx_join', { _since: null, _last: 100 }])
  line.reply('ok', {})
  expect(conversation.membership).toBe('joined')
})

test('a message is pushed, and its echo marks it as our own', () => {
  const { line, conversation, session, states, echo } = joined()
  session.send('hello')
  expect(line.last.slice(2)).toEqual(['room:lobby', 'new_msg', { body: 'hello', id: expect.any(String) }])
  expect(states()).toEqual(['sending'])

  echo()
  expect(conversation.log.messages).toMatchObject([{ kind: 'own', body: 'hello' }])
  expect(states()).toEqual([])
})

test('a message that is written before the join is answered is pushed after it', () => {
  const { line, session } = enter()
  session.send('early')
  expect(line.last[3]).toBe('phx_join')
  line.reply('ok', {})
  expect(line.last.slice(3)).toMatchObject(['new_msg', { body: 'early' }])
})

test.each([
  null,
  { text: 'maintenance at 10' },
  { body: 7 },
  { body: 'hi', id: 7 },
  { body: 'hi', from: null },
  { body: 'hi', from: { id: 'c-bob' } },
  { body: 'hi', from: { id: 7, name: 'Bob' } },
  { body: 'hi', _seq: 'first' },
])('a malformed message is ignored: %j', (payload) => {
  const { line, conversation } = joined()
  line.push([null, null, 'room:lobby', 'new_msg', payload])
  expect([conversation.log.messages, conversation.unread]).toEqual([[], 0])
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])
  expect(conversation.log.messages).toMatchObject([{ body: 'hello' }])
})

test.each([{ from: null }, { from: 'Bob' }, { from: { id: 'c-bob' } }, { from: { id: 'c-bob', name: {} } }])(
  'a malformed `typing` is ignored: %j',
  (payload) => {
    const { line, conversation } = joined()
    line.push([null, null, 'room:lobby', 'typing', payload])
    expect(conversation.typists.names(Date.now())).toEqual([])
    line.push([null, null, 'room:lobby', 'typing', {}])
    expect(conversation.typists.names(Date.now())).toEqual(['Someone'])
  },
)

test('an error reply fails the message with the server’s reason', () => {
  const { line, session, states, reasons } = joined()
  session.send('hello')
  line.reply('error', { reason: 'invalid payload' })
  expect([states(), reasons()]).toEqual([['refused'], ['The server refused the message: invalid payload.']])
})

test('an error reply without a reason fails the message, too', () => {
  const { line, session, reasons } = joined()
  session.send('hello')
  line.reply('error', null)
  expect(reasons()).toEqual(['The server refused the message: no reason given.'])
})

test('a message without an echo within 10 s is doubtful until a late echo confirms it', () => {
  useFakeTimers()
  const { session, states, reasons, echo } = joined()
  session.send('hello')
  vi.advanceTimersByTime(9_999)
  expect(states()).toEqual(['sending'])
  vi.advanceTimersByTime(1)
  expect([states(), reasons()]).toEqual([
    ['unconfirmed'],
    ['The server did not confirm the message within 10 seconds.'],
  ])

  echo()
  expect(states()).toEqual([])
})

test('the timeout of the first attempt does not end the second attempt', () => {
  useFakeTimers()
  const { line, conversation, session, states } = joined()
  session.send('hello')
  line.reply('error', { reason: 'rate_limited' })
  vi.advanceTimersByTime(5_000)
  session.retry(conversation.outbox.sends[0]?.id ?? '')
  vi.advanceTimersByTime(9_999)
  expect(states()).toEqual(['sending'])
})

test('a message whose echo has arrived does not fail later', () => {
  useFakeTimers()
  const { session, states, echo } = joined()
  session.send('hello')
  echo()
  session.send('next')
  vi.advanceTimersByTime(9_999)
  expect(states()).toEqual(['sending'])
})

test.each([
  ['the channel crashes', 'phx_error', 'lost'],
  ['the server closes the channel', 'phx_close', 'closed'],
])('a message that is being sent becomes doubtful when %s', (_what, event, membership) => {
  const { line, conversation, session, states } = joined()
  session.send('hello')
  line.push([line.last[0], line.last[0], 'room:lobby', event, {}])
  expect(conversation.membership).toBe(membership)
  expect(states()).toEqual(['unconfirmed'])
})

test('a rejoin sends only the messages that were written while the connection was lost', async () => {
  const { line, conversation, session, states } = joined()
  session.send('hello')
  line.drop()
  session.send('still there?')
  expect([conversation.membership, states()]).toEqual(['lost', ['unconfirmed', 'queued']])

  await vi.waitFor(() => expect(line.readyState).toBe(0))
  line.open()
  expect(line.last[3]).toBe('phx_join')
  line.reply('ok', {})
  expect(conversation.membership).toBe('joined')
  expect(line.last.slice(3)).toMatchObject(['new_msg', { body: 'still there?' }])
  expect(states()).toEqual(['unconfirmed', 'sending'])
})

test('a failed message is sent again on request, with its id', () => {
  const { line, conversation, session, states } = joined()
  session.send('hello')
  const sent = line.last[4]
  line.reply('error', { reason: 'busy' })
  session.retry(conversation.outbox.sends[0]?.id ?? '')
  expect([line.last[3], line.last[4]]).toEqual(['new_msg', sent])
  expect(states()).toEqual(['sending'])
})

test('a failed message is discarded on request', () => {
  const { line, conversation, session, states } = joined()
  session.send('hello')
  line.reply('error', { reason: 'busy' })
  session.discard(conversation.outbox.sends[0]?.id ?? '')
  expect(states()).toEqual([])
})

test('a refused join shows the reason and is retried', async () => {
  const { line, conversation } = enter()
  line.reply('error', { reason: 'invalid room' })
  expect([conversation.membership, conversation.refusal]).toEqual(['refused', 'invalid room'])

  await vi.waitFor(() => expect(line.sent).toHaveLength(2))
  line.reply('ok', {})
  expect(conversation.membership).toBe('joined')
})

test('a join that the user has no access for is not retried', async () => {
  useFakeTimers()
  const { line, conversation, session, states } = enter()
  session.send('early')
  line.reply('error', { reason: 'unauthorized' })
  expect([conversation.membership, states()]).toEqual(['forbidden', ['queued']])
  await vi.advanceTimersByTimeAsync(20_000)
  expect(line.sent.filter(([, , , event]) => event === 'phx_join')).toHaveLength(1)
})

test('with a token, the join reply contains the user', () => {
  const { line, signedIn } = enter()
  line.reply('ok', { user: { id: 'ann', name: 'Ann' } })
  expect(signedIn.mock.lastCall).toEqual([{ id: 'ann', name: 'Ann' }])
  expect(joined().signedIn.mock.lastCall).toEqual([null])
})

test('typing is sent at intervals, and again after a message', () => {
  useFakeTimers()
  const { line, session } = joined()
  const signs = () => line.sent.filter(([, , , event]) => event === 'typing').length
  for (const ms of [0, 1_000, 1_999]) {
    vi.advanceTimersByTime(ms)
    session.typed()
  }
  expect(signs()).toBe(1)
  vi.advanceTimersByTime(1)
  session.typed()
  expect(signs()).toBe(2)
  session.send('hello')
  session.typed()
  expect(signs()).toBe(3)
})

test('others who type are shown, and typing is not sent while the room is not joined', () => {
  const { line, conversation, session } = enter()
  session.typed()
  line.reply('ok', {})
  line.push([null, null, 'room:lobby', 'typing', { from: { id: 'c-bob', name: 'Bob' } }])
  expect(conversation.typists.names(Date.now())).toEqual(['Bob'])
  expect(line.sent.map(([, , , event]) => event)).toEqual(['phx_join'])
})

test('if only the browser has noticed an interruption, new messages are queued', () => {
  const { conversation, session, states } = joined()
  session.send('hello')
  session.interrupt()
  session.send('later')
  expect([conversation.membership, states()]).toEqual(['lost', ['unconfirmed', 'queued']])
})

test('leaving closes the channel, and messages that are being sent become doubtful', () => {
  const { line, conversation, session, reasons } = joined()
  session.send('hello')
  session.leave()
  expect(line.last[3]).toBe('phx_leave')
  expect(conversation.membership).toBe('closed')
  expect(reasons()).toEqual(['Your session in this room ended before the server confirmed the message.'])
})

test('the end of a session does not affect the next one in the same room', () => {
  const { line, conversation, changed, options, session } = joined()
  session.leave()
  const leave = line.last
  enterRoom(line.socket, conversation, options)
  line.reply('ok', {})
  changed.mockClear()

  line.reply('ok', {}, leave)
  line.push([leave[0], leave[0], 'room:lobby', 'phx_close', {}])

  expect(conversation.membership).toBe('joined')
  expect(changed).not.toHaveBeenCalled()
})

test('a user with a name joins with it and gets the list of members', () => {
  const { line, conversation, changed } = enter(ANN)
  expect(line.last.slice(3)).toMatchObject(['phx_join', ANN])
  line.reply('ok', {})
  changed.mockClear()

  line.push([line.last[0], null, 'room:lobby', 'presence_state', { 'c-ann': person('Ann', '1') }])
  expect(names(conversation)).toEqual(['Ann'])

  const diff = { joins: { 'c-bob': person('Bob', '2') }, leaves: { 'c-ann': person('Ann', '1') } }
  line.push([null, null, 'room:lobby', 'presence_diff', diff])
  expect(names(conversation)).toEqual(['Bob'])
  expect(changed).toHaveBeenCalledTimes(2)
})

test('a guest ignores presence', () => {
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

test('while the connection is lost, nobody is listed; after it, only the present members are', async () => {
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

test('replace() leaves the channel and starts a session with another name, without a gap', () => {
  const { line, conversation, options, session, reasons } = joined(ANN)
  line.push([line.last[0], null, 'room:lobby', 'presence_state', { 'c-ann': person('Ann', '1') }])
  session.send('hello')

  session.replace()
  expect(line.last[3]).toBe('phx_leave')
  expect(reasons()).toEqual(['You changed your name before the server confirmed the message.'])
  expect(names(conversation)).toEqual([])

  enterRoom(line.socket, conversation, { ...options, joinParams: GUEST })
  line.reply('ok', {})
  expect([conversation.membership, conversation.log.messages]).toEqual(['joined', []])
})

test('a rejoin continues after the last received message, and shows where messages may be missing', async () => {
  const { line, conversation } = enter()
  line.reply('ok', { _recovery: { epoch: '1', seq: 0, head: 1, id: 'an-id', recovered: false } })
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'one', _seq: 1 }])
  line.drop()
  await vi.waitFor(() => expect(line.readyState).toBe(0))
  line.open()
  expect(line.last[4]).toMatchObject({ _since: { epoch: '1', seq: 1 } })
  line.reply('ok', { _recovery: { epoch: '2', seq: 0, head: 0, id: 'an-id', recovered: false } })

  expect(conversation.log.messages).toMatchObject([{ body: 'one' }, { kind: 'gap' }])
})

test('a session with another name continues where the last one ended', () => {
  const { line, conversation, options, session } = enter()
  line.reply('ok', { _recovery: { epoch: '1', seq: 7, head: 7, id: 'an-id', recovered: false } })
  session.replace()
  enterRoom(line.socket, conversation, { ...options, joinParams: ANN })
  expect(line.last[4]).toMatchObject({ ...ANN, _since: { epoch: '1', seq: 7 } })
})
