import { expect, test } from 'vitest'
import { Conversation, membershipText } from '../../../client/app/conversation.ts'
import { Identity } from '../../../client/app/identity.ts'
import { memoryStore } from '../../../client/app/store.ts'
import { notifications } from '../../../server/app/contracts/room.ts'

const NOW = 1_000
const BOB = { id: 'c-bob', name: 'Bob' }

function open({ room = 'lobby', store = memoryStore() } = {}) {
  const me = new Identity(store)
  return { me, store, conversation: new Conversation(room, me) }
}

function joined(options = {}) {
  const opened = open(options)
  opened.conversation.joined(NOW)
  return opened
}

const kinds = ({ log }: Conversation) => log.messages.map(({ kind }) => kind)
const states = ({ outbox }: Conversation) => outbox.sends.map(({ state }) => state)

/** Write a message; gives it as it was pushed. */
function write(conversation: Conversation, body = 'hello') {
  const [send] = conversation.write(body)
  return send ?? expect.fail('nothing is to be pushed')
}

test('an echo is recognized by its id, and shown as our own message', () => {
  const { conversation } = joined()
  const { id, body } = write(conversation)
  expect(states(conversation)).toEqual(['sending'])

  conversation.heard({ id, body }, NOW)

  expect([kinds(conversation), states(conversation)]).toEqual([['own'], []])
})

test('the same text from another user is not an echo', () => {
  const { conversation } = joined()
  write(conversation)

  conversation.heard({ body: 'hello' }, NOW)
  conversation.heard({ body: 'hello', id: 'x-1', from: BOB }, NOW)

  expect([kinds(conversation), states(conversation)]).toEqual([['other', 'other'], ['sending']])
})

test('messages of a guest from another tab of the browser are our own, messages of others are not', () => {
  const { store, conversation } = joined()
  const { conversation: tab } = joined({ store })
  const { conversation: stranger } = joined()
  const { id, body } = write(tab)

  for (const one of [conversation, stranger]) one.heard({ id, body }, NOW)

  expect([kinds(conversation), kinds(stranger)]).toEqual([['own'], ['other']])
})

test('messages of a user are our own in every tab, by the id that the server verified', () => {
  const { me, conversation } = joined()
  conversation.heard({ body: 'hi', from: { id: me.id, name: 'Ann' } }, NOW)
  conversation.heard({ body: 'hi', from: BOB, id: me.messageId() }, NOW)
  me.signIn({ id: 'ann', name: 'Ann' })
  conversation.heard({ body: 'hi', from: { id: 'ann', name: 'Ann' } }, NOW)

  expect(kinds(conversation)).toEqual(['own', 'other', 'own'])
})

test('a late echo confirms a doubtful message, and the echo of a retry does not show it twice', () => {
  const { me, conversation } = joined()
  const { id, body } = write(conversation)
  conversation.lost()
  expect(states(conversation)).toEqual(['unconfirmed'])
  conversation.joined(NOW)

  expect(conversation.retry(id)).toMatchObject([{ id, body }])
  conversation.heard({ id, body }, NOW)
  conversation.heard({ id, body, from: { id: me.id, name: 'Ann' } }, NOW)
  conversation.heard({ id, body }, NOW)

  expect(states(conversation)).toEqual([])
  expect(kinds(conversation).filter((kind) => kind === 'own')).toHaveLength(1)
})

test('a message of another user with the id of our message does not hide it', () => {
  const { conversation } = joined()
  conversation.heard({ id: 'm', body: 'one', from: BOB }, NOW)
  conversation.heard({ id: 'm', body: 'one again', from: BOB }, NOW)
  conversation.heard({ id: 'm', body: 'two', from: { id: 'c-cem', name: 'Cem' } }, NOW)
  expect(conversation.log.messages.map(({ body }) => body)).toEqual(['one', 'two'])
})

test.each([
  ['before the join is answered', () => {}],
  ['while the connection is lost', (conversation: Conversation) => conversation.lost()],
  ['while the server refuses the join', (conversation: Conversation) => conversation.refused('full')],
])('a message that is written %s is queued, and sent after the return', (_when, become) => {
  const { conversation } = open()
  become(conversation)
  expect(conversation.write('one')).toEqual([])
  expect(conversation.write('two')).toEqual([])
  expect(states(conversation)).toEqual(['queued', 'queued'])

  expect(conversation.joined(NOW).map(({ body }) => body)).toEqual(['one', 'two'])
})

test.each([
  ['interrupted', (conversation: Conversation) => conversation.lost()],
  ['closed', (conversation: Conversation) => conversation.closed()],
  ['refused at a rejoin', (conversation: Conversation) => conversation.refused('full')],
  ['forbidden', (conversation: Conversation) => conversation.forbidden()],
  ['renamed', (conversation: Conversation) => conversation.renamed()],
])(
  'a message that is unconfirmed when the stay is %s is doubtful, and is not sent again automatically',
  (_how, end) => {
    const { conversation } = joined()
    write(conversation)

    end(conversation)

    expect(states(conversation)).toEqual(['unconfirmed'])
    expect(conversation.joined(NOW)).toEqual([])
  },
)

test('messages of the worker are background messages, messages of people are not', () => {
  const { conversation } = joined()
  const ping = notifications['lobby'] ?? ''
  conversation.heard({ body: ping }, NOW)
  conversation.heard({ body: ping, from: BOB }, NOW)
  expect([kinds(conversation), conversation.unread]).toEqual([['background', 'other'], 1])
})

test('messages of others are unread until the user reads them', () => {
  const { conversation } = joined()
  const { id, body } = write(conversation)
  conversation.heard({ id, body }, NOW)
  for (const id of ['1', '2', '2']) conversation.heard({ id, body: 'hi', from: BOB }, NOW)
  expect(conversation.unread).toBe(2)
  conversation.read()
  expect(conversation.unread).toBe(0)
})

test('others are shown as typing until they send or the connection is lost; the user is not', () => {
  const { me, conversation } = joined()
  conversation.typing({ id: me.id, name: 'Ann' }, NOW)
  expect(conversation.typists.names(NOW)).toEqual([])
  conversation.typing(BOB, NOW)
  conversation.typing(undefined, NOW)
  expect(conversation.typists.names(NOW)).toEqual(['Bob', 'Someone'])

  conversation.heard({ body: 'hi', from: BOB }, NOW)
  expect(conversation.typists.names(NOW)).toEqual(['Someone'])
  conversation.lost()
  expect(conversation.typists.names(NOW)).toEqual([])
})

const EPOCH = '17'
const lines = ({ log }: Conversation) => log.messages.map(({ kind, body }) => body || kind)
const hear = (conversation: Conversation, ...places: number[]) => {
  for (const _seq of places) conversation.heard({ body: `${_seq}`, from: BOB, _seq }, NOW)
}

test('messages that arrived while the user was away are shown below a line, in order', () => {
  const { conversation } = open()
  conversation.joined(NOW, { epoch: EPOCH, seq: 0, head: 0 })
  hear(conversation, 1)
  conversation.lost()
  conversation.joined(NOW, { epoch: EPOCH, seq: 1, head: 3 })
  hear(conversation, 2, 3, 4)

  expect(lines(conversation)).toEqual(['1', 'new', '2', '3', '4'])
  expect([conversation.cursor, conversation.unread]).toEqual([{ epoch: EPOCH, seq: 4 }, 4])
})

test('if no message was missed, no line is shown, even if messages arrive later', () => {
  const { conversation } = open()
  conversation.joined(NOW, { epoch: EPOCH, seq: 1, head: 1 })
  conversation.lost()
  conversation.joined(NOW, { epoch: EPOCH, seq: 1, head: 1 })
  conversation.heard({ body: notifications['lobby'] ?? '' }, NOW)
  hear(conversation, 2)

  expect(kinds(conversation)).toEqual(['background', 'other'])
})

test('a new user sees the earlier messages, and they are not unread', () => {
  const { conversation } = open()
  conversation.joined(NOW, { epoch: EPOCH, seq: 0, head: 2 })
  hear(conversation, 1, 2)
  expect([lines(conversation), conversation.unread]).toEqual([['1', '2'], 0])
})

test('after a reload the line is where the user had stopped reading', () => {
  const { me } = open()
  const conversation = new Conversation('lobby', me, { epoch: EPOCH, seq: 2 })
  conversation.joined(NOW, { epoch: EPOCH, seq: 0, head: 3 })
  hear(conversation, 1, 2, 3)
  expect([lines(conversation), conversation.unread]).toEqual([['1', '2', 'new', '3'], 1])
})

test('after a reload in another epoch, the page says that messages may be missing', () => {
  const { me } = open()
  const conversation = new Conversation('lobby', me, { epoch: '16', seq: 2 })
  conversation.joined(NOW, { epoch: EPOCH, seq: 0, head: 1 })
  hear(conversation, 1)
  expect(lines(conversation)).toEqual(['gap', '1'])
})

test('a message with a sequence number is shown once, and its time is shown as soon as it is known', () => {
  const { conversation } = open()
  conversation.joined(NOW, { epoch: EPOCH, seq: 0, head: 2 })
  hear(conversation, 1, 1)
  conversation.timed({
    epoch: EPOCH,
    messages: [
      { seq: 1, at: 10 },
      { seq: 2, at: 20 },
    ],
  })
  hear(conversation, 2)
  expect(conversation.log.messages).toMatchObject([
    { body: '1', at: 10 },
    { body: '2', at: 20 },
  ])
})

test('the page shows a problem of the room, and nothing while all is well', () => {
  const { conversation } = open()
  const texts = [membershipText(conversation)]
  const note = () => texts.push(membershipText(conversation))
  for (const become of [
    () => conversation.joined(NOW),
    () => conversation.lost(),
    () => conversation.refused('invalid room'),
    () => conversation.forbidden(),
    () => conversation.closed(),
  ]) {
    become()
    note()
  }

  expect(texts).toEqual([
    'Joining…',
    '',
    'Interrupted, reconnecting…',
    'The server refused the join: invalid room. Trying again…',
    'You are not allowed in this room.',
    'The server ended your session in this room. Select the room again to rejoin.',
  ])
})
