import { expect, test } from 'vitest'
import { Conversation, membershipText } from '../../../client/app/conversation.ts'

const NOW = 1_000

function joinedConversation(room = 'lobby'): Conversation {
  const conversation = new Conversation(room)
  conversation.enter()
  conversation.joined(NOW)
  return conversation
}
const kinds = (conversation: Conversation) => conversation.log.messages.map((message) => message.kind)

test('a message that echoes a send is our own, and the send is done with', () => {
  const conversation = joinedConversation()
  conversation.write('hello')

  conversation.heard('hello', NOW)

  expect(kinds(conversation)).toEqual(['own'])
  expect(conversation.outbox.sends).toEqual([])
})

test('a message that nothing waits for is somebody else’s', () => {
  const conversation = joinedConversation()
  conversation.heard('hello', NOW)
  expect(kinds(conversation)).toEqual(['other'])
})

test('the worker’s text for the room is background, that of another room is not', () => {
  const conversation = joinedConversation('lobby')
  conversation.heard('Lobby ping', NOW)
  conversation.heard('Background ping', NOW)
  expect(kinds(conversation)).toEqual(['background', 'other'])
})

test('a room named like a property of every object has no background', () => {
  const conversation = joinedConversation('constructor')
  conversation.heard('hello', NOW)
  expect(kinds(conversation)).toEqual(['other'])
})

test('what is written in the room is to be pushed at once', () => {
  expect(joinedConversation().write('hello')).toMatchObject({ body: 'hello', failure: null })
})

test('what is written before the join is answered waits for it', () => {
  const conversation = new Conversation('lobby')
  conversation.enter()

  expect(conversation.write('early')).toBeNull()
  expect(conversation.joined(NOW)).toMatchObject([{ body: 'early', failure: null }])
})

test('what is written while the stay is interrupted fails at once and is kept', () => {
  const conversation = joinedConversation()
  conversation.lost(NOW)

  expect(conversation.write('hello')).toBeNull()
  expect(conversation.outbox.sends).toMatchObject([{ failure: 'You are not in the room at the moment.' }])
})

test.each([
  ['interrupted', (conversation: Conversation) => conversation.lost(NOW)],
  ['closed', (conversation: Conversation) => conversation.closed(NOW)],
  ['refused at a rejoin', (conversation: Conversation) => conversation.refused('full')],
])('what is not confirmed when the stay is %s has failed', (_how, end) => {
  const conversation = joinedConversation()
  conversation.write('hello')

  end(conversation)

  expect(conversation.outbox.pending).toEqual([])
  expect(conversation.joined(NOW)).toEqual([])
})

test('a retry sends the same text with a new id, so that news of the first attempt cannot fail it', () => {
  const conversation = joinedConversation()
  const first = conversation.write('hello')
  conversation.lost(NOW)
  conversation.joined(NOW)

  const second = conversation.retry(first?.id ?? 0)
  conversation.outbox.fail(first?.id ?? 0, 'Too late.')

  expect(second).toMatchObject({ body: 'hello', failure: null })
  expect(conversation.outbox.sends).toEqual([second])
})

test('a retry of a send that is gone does nothing', () => {
  const conversation = joinedConversation()
  expect(conversation.retry(1)).toBeNull()
  expect(conversation.outbox.sends).toEqual([])
})

test('coming back shows the gap, from the first loss on', () => {
  const conversation = joinedConversation()
  conversation.lost(2_000)
  conversation.lost(3_000)
  conversation.refused('full')
  conversation.joined(5_000)

  expect(conversation.log.messages).toMatchObject([{ kind: 'gap', since: 2_000, at: 5_000 }])
})

test('a visit to a room left before shows what was heard then, and the gap', () => {
  const conversation = joinedConversation()
  conversation.heard('hello', NOW)
  conversation.closed(NOW)
  conversation.enter()
  conversation.joined(9_000)

  expect(kinds(conversation)).toEqual(['other', 'gap'])
})

test('the first join shows no gap', () => {
  const conversation = new Conversation('lobby')
  conversation.enter()
  conversation.lost(NOW)
  conversation.joined(NOW)
  expect(kinds(conversation)).toEqual([])
})

test('the page says how the room is, and nothing while all is well', () => {
  const conversation = new Conversation('lobby')
  const texts = [membershipText(conversation)]
  conversation.joined(NOW)
  texts.push(membershipText(conversation))
  conversation.lost(NOW)
  texts.push(membershipText(conversation))
  conversation.refused('invalid room')
  texts.push(membershipText(conversation))
  conversation.closed(NOW)
  texts.push(membershipText(conversation))

  expect(texts).toEqual([
    'Joining…',
    '',
    'Interrupted, coming back…',
    'The server does not let you in: invalid room. Trying again…',
    'The server closed this room. Choose it again to come back.',
  ])
})
