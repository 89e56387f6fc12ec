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

test('an echo is told by its id, and is our own', () => {
  const { conversation } = joined()
  const { id, body } = write(conversation)
  expect(states(conversation)).toEqual(['sending'])

  conversation.heard({ id, body }, NOW)

  expect([kinds(conversation), states(conversation)]).toEqual([['own'], []])
})

test('the same text by somebody else is no echo', () => {
  const { conversation } = joined()
  write(conversation)

  conversation.heard({ body: 'hello' }, NOW)
  conversation.heard({ body: 'hello', id: 'x-1', from: BOB }, NOW)

  expect([kinds(conversation), states(conversation)]).toEqual([['other', 'other'], ['sending']])
})

test('what a guest says in another tab of the browser is our own, and what others say is not', () => {
  const { store, conversation } = joined()
  const { conversation: tab } = joined({ store })
  const { conversation: stranger } = joined()
  const { id, body } = write(tab)

  for (const one of [conversation, stranger]) one.heard({ id, body }, NOW)

  expect([kinds(conversation), kinds(stranger)]).toEqual([['own'], ['other']])
})

test('what the user says under a name is our own in every tab, by the name the server vouches for', () => {
  const { me, conversation } = joined()
  conversation.heard({ body: 'hi', from: { id: me.id, name: 'Ann' } }, NOW)
  conversation.heard({ body: 'hi', from: BOB, id: me.messageId() }, NOW)
  me.signIn({ id: 'ann', name: 'Ann' })
  conversation.heard({ body: 'hi', from: { id: 'ann', name: 'Ann' } }, NOW)

  expect(kinds(conversation)).toEqual(['own', 'other', 'own'])
})

test('a late echo settles a send that was in doubt, and one of a retry does not double it', () => {
  const { me, conversation } = joined()
  const { id, body } = write(conversation)
  conversation.lost(NOW)
  expect(states(conversation)).toEqual(['unconfirmed'])
  conversation.joined(NOW)

  expect(conversation.retry(id)).toMatchObject([{ id, body }])
  conversation.heard({ id, body }, NOW)
  conversation.heard({ id, body, from: { id: me.id, name: 'Ann' } }, NOW)
  conversation.heard({ id, body }, NOW)

  expect(states(conversation)).toEqual([])
  expect(kinds(conversation).filter((kind) => kind === 'own')).toHaveLength(1)
})

test('an id of somebody else hides nothing of what others say', () => {
  const { conversation } = joined()
  conversation.heard({ id: 'm', body: 'one', from: BOB }, NOW)
  conversation.heard({ id: 'm', body: 'one again', from: BOB }, NOW)
  conversation.heard({ id: 'm', body: 'two', from: { id: 'c-cem', name: 'Cem' } }, NOW)
  expect(conversation.log.messages.map(({ body }) => body)).toEqual(['one', 'two'])
})

test.each([
  ['before the join is answered', () => {}],
  ['while the connection is lost', (conversation: Conversation) => conversation.lost(NOW)],
  ['while the server refuses the join', (conversation: Conversation) => conversation.refused('full')],
])('what is written %s is queued, and sent on return', (_when, become) => {
  const { conversation } = open()
  become(conversation)
  expect(conversation.write('one')).toEqual([])
  expect(conversation.write('two')).toEqual([])
  expect(states(conversation)).toEqual(['queued', 'queued'])

  expect(conversation.joined(NOW).map(({ body }) => body)).toEqual(['one', 'two'])
})

test.each([
  ['interrupted', (conversation: Conversation) => conversation.lost(NOW)],
  ['closed', (conversation: Conversation) => conversation.closed(NOW)],
  ['refused at a rejoin', (conversation: Conversation) => conversation.refused('full')],
  ['forbidden', (conversation: Conversation) => conversation.forbidden()],
  ['renamed', (conversation: Conversation) => conversation.renamed()],
])('what is not confirmed when the stay is %s is in doubt, and is not sent again by itself', (_how, end) => {
  const { conversation } = joined()
  write(conversation)

  end(conversation)

  expect(states(conversation)).toEqual(['unconfirmed'])
  expect(conversation.joined(NOW)).toEqual([])
})

test('pings of the worker are in the background, what people say is not', () => {
  const { conversation } = joined()
  const ping = notifications['lobby'] ?? ''
  conversation.heard({ body: ping }, NOW)
  conversation.heard({ body: ping, from: BOB }, NOW)
  expect([kinds(conversation), conversation.unread]).toEqual([['background', 'other'], 1])
})

test('messages of others are unread until the user looks', () => {
  const { conversation } = joined()
  const { id, body } = write(conversation)
  conversation.heard({ id, body }, NOW)
  for (const id of ['1', '2', '2']) conversation.heard({ id, body: 'hi', from: BOB }, NOW)
  expect(conversation.unread).toBe(2)
  conversation.read()
  expect(conversation.unread).toBe(0)
})

test('others are typing until they send, or the connection is lost; we are not', () => {
  const { me, conversation } = joined()
  conversation.typing({ id: me.id, name: 'Ann' }, NOW)
  expect(conversation.typists.names(NOW)).toEqual([])
  conversation.typing(BOB, NOW)
  conversation.typing(undefined, NOW)
  expect(conversation.typists.names(NOW)).toEqual(['Bob', 'Someone'])

  conversation.heard({ body: 'hi', from: BOB }, NOW)
  expect(conversation.typists.names(NOW)).toEqual(['Someone'])
  conversation.lost(NOW)
  expect(conversation.typists.names(NOW)).toEqual([])
})

test('coming back shows the gap, from the first loss on', () => {
  const { conversation } = joined()
  conversation.lost(2_000)
  conversation.lost(3_000)
  conversation.refused('full')
  conversation.joined(5_000)

  expect(conversation.log.messages).toMatchObject([{ kind: 'gap', since: 2_000, at: 5_000 }])
})

test('a visit to a room left before shows what was heard then, and the gap', () => {
  const { conversation } = joined()
  conversation.heard({ body: 'hello' }, NOW)
  conversation.closed(NOW)
  conversation.enter()
  conversation.joined(9_000)

  expect(kinds(conversation)).toEqual(['other', 'gap'])
})

test('the first join shows no gap', () => {
  const { conversation } = open()
  conversation.enter()
  conversation.lost(NOW)
  conversation.joined(NOW)
  expect(kinds(conversation)).toEqual([])
})

test('the page says how the room is, and nothing while all is well', () => {
  const { conversation } = open()
  const texts = [membershipText(conversation)]
  const note = () => texts.push(membershipText(conversation))
  for (const become of [
    () => conversation.joined(NOW),
    () => conversation.lost(NOW),
    () => conversation.refused('invalid room'),
    () => conversation.forbidden(),
    () => conversation.closed(NOW),
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
    'The server closed this room. Select it again to rejoin.',
  ])
})
