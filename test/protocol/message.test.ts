import { expect, it } from 'vitest'
import { Message, Reply } from '../../protocol/message.ts'

it('keeps the five parts of a message and a size of its own', () => {
  const message = new Message('1', '2', 'room:lobby', 'new_msg', { body: 'hi' })
  expect({ ...message }).toEqual({
    joinRef: '1',
    ref: '2',
    topic: 'room:lobby',
    event: 'new_msg',
    payload: { body: 'hi' },
    size: 0,
  })
})

it('keeps the five parts of a reply, with a status in the place of the event', () => {
  const reply = new Reply('1', '2', 'room:lobby', 'ok', [])
  expect({ ...reply }).toEqual({ joinRef: '1', ref: '2', topic: 'room:lobby', status: 'ok', response: [] })
})

it('tells a message from a reply', () => {
  expect(new Message('1', null, 't', 'e', {})).not.toBeInstanceOf(Reply)
  expect(new Reply('1', '2', 't', 'ok', {})).not.toBeInstanceOf(Message)
})
