import { expect, test } from 'vitest'
import { MAX_MESSAGES, MessageLog } from '../../../client/app/messages.ts'

test('messages are shown in the order of their arrival, each with its own id', () => {
  const log = new MessageLog()
  log.add('own', 'hi', 1)
  log.add('other', 'hi', 2)
  log.add('other', 'hi', 3)

  expect(log.messages.map(({ kind, body, at, count }) => ({ kind, body, at, count }))).toEqual([
    { kind: 'own', body: 'hi', at: 1, count: 1 },
    { kind: 'other', body: 'hi', at: 2, count: 1 },
    { kind: 'other', body: 'hi', at: 3, count: 1 },
  ])
  expect(new Set(log.messages.map((message) => message.id)).size).toBe(3)
})

test('equal background messages in a row become one line with a count and the last time', () => {
  const log = new MessageLog()
  for (const at of [10, 20, 30]) log.add('background', 'ping', at)

  expect(log.messages).toEqual([
    {
      id: 1,
      kind: 'background',
      body: 'ping',
      from: null,
      key: null,
      place: null,
      at: 30,
      since: 10,
      count: 3,
    },
  ])
})

test('a message with a known key is not added again', () => {
  const log = new MessageLog()
  const added = ['a', 'b', 'a'].map((key) => log.add('other', key, 1, { key }))
  expect(added).toEqual([true, true, false])
  expect(log.messages.map(({ body }) => body)).toEqual(['a', 'b'])
})

test('a message in between starts a new run', () => {
  const log = new MessageLog()
  log.add('background', 'ping', 1)
  log.add('other', 'hello', 2)
  log.add('background', 'ping', 3)

  expect(log.messages.map((message) => message.count)).toEqual([1, 1, 1])
})

test('gaps in a row become one line, and only the last line before new messages is kept', () => {
  const log = new MessageLog()
  for (const at of [1, 2]) log.addGap(at)
  for (const at of [3, 4]) {
    log.addNew(at)
    log.add('other', 'hello', at)
  }

  expect(log.messages.map(({ kind }) => kind)).toEqual(['gap', 'other', 'new', 'other'])
})

test(`only the last ${MAX_MESSAGES} lines are kept`, () => {
  const log = new MessageLog()
  for (let at = 0; at < MAX_MESSAGES + 3; at++) log.add('other', `${at}`, at)

  expect(log.messages).toHaveLength(MAX_MESSAGES)
  expect(log.messages[0]?.body).toBe('3')
  expect(log.messages.at(-1)?.body).toBe(`${MAX_MESSAGES + 2}`)
})
