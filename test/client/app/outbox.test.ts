import { expect, test } from 'vitest'
import { Outbox } from '../../../client/app/outbox.ts'

test('an echo of the oldest pending body confirms it', () => {
  const outbox = new Outbox()
  outbox.add('first')
  outbox.add('second')

  expect(outbox.confirm('first')).toBe(true)
  expect(outbox.sends.map((send) => send.body)).toEqual(['second'])
})

test('another text confirms nothing, not even a later send', () => {
  const outbox = new Outbox()
  outbox.add('first')
  outbox.add('second')

  expect(outbox.confirm('second')).toBe(false)
  expect(outbox.confirm('third')).toBe(false)
  expect(outbox.sends).toHaveLength(2)
})

test('of two sends with the same body one echo confirms one', () => {
  const outbox = new Outbox()
  const first = outbox.add('same')
  const second = outbox.add('same')

  outbox.confirm('same')

  expect(outbox.sends).toEqual([second])
  expect(first.id).not.toBe(second.id)
})

test('a failed send stays with its reason and no echo confirms it', () => {
  const outbox = new Outbox()
  const { id } = outbox.add('lost')

  outbox.fail(id, 'No answer.')

  expect(outbox.sends).toEqual([{ id, body: 'lost', failure: 'No answer.' }])
  expect(outbox.confirm('lost')).toBe(false)
})

test('a failed send no longer holds up the one after it', () => {
  const outbox = new Outbox()
  const { id } = outbox.add('refused')
  outbox.add('fine')
  outbox.fail(id, 'Refused.')

  expect(outbox.confirm('fine')).toBe(true)
})

test('failing all pending sends leaves the earlier reasons alone', () => {
  const outbox = new Outbox()
  outbox.fail(outbox.add('a').id, 'Refused.')
  outbox.add('b')

  outbox.failPending('Connection lost.')

  expect(outbox.sends.map((send) => send.failure)).toEqual(['Refused.', 'Connection lost.'])
  expect(outbox.pending).toEqual([])
})

test('failing a send that was confirmed does nothing', () => {
  const outbox = new Outbox()
  const { id } = outbox.add('quick')
  outbox.confirm('quick')

  outbox.fail(id, 'No answer.')

  expect(outbox.sends).toEqual([])
})

test('removing gives the send once, and its id is not used again', () => {
  const outbox = new Outbox()
  const send = outbox.add('again')

  expect(outbox.remove(send.id)).toEqual(send)
  expect(outbox.remove(send.id)).toBeNull()
  expect(outbox.add('again').id).not.toBe(send.id)
})
