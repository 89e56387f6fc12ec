import { expect, test } from 'vitest'
import { Outbox } from '../../../client/app/outbox.ts'

const states = (outbox: Outbox) => outbox.sends.map(({ id, state }) => `${id} ${state}`)

function sending(...ids: string[]) {
  const outbox = new Outbox()
  for (const id of ids) outbox.add(id, id.toUpperCase())
  const sends = outbox.take()
  const first = () => sends[0] ?? expect.fail('nothing was taken')
  return { outbox, sends, first }
}

test('messages wait until they are taken, once, in the order of writing', () => {
  const { outbox, sends } = sending('a', 'b')
  expect(sends.map(({ body }) => body)).toEqual(['A', 'B'])
  expect(states(outbox)).toEqual(['a sending', 'b sending'])

  outbox.add('c', 'C')
  expect(outbox.take().map(({ id }) => id)).toEqual(['c'])
  expect(outbox.take()).toEqual([])
})

test('an echo confirms a message in every state', () => {
  const { outbox } = sending('a', 'b')
  outbox.doubt('Lost.')
  outbox.add('c', 'C')

  for (const id of ['b', 'c', 'nobody’s']) outbox.remove(id)

  expect(states(outbox)).toEqual(['a unconfirmed'])
})

test('a lost connection makes messages that are being sent doubtful, and no others', () => {
  const { outbox, first } = sending('a', 'b')
  outbox.fail(first(), 'refused', 'No.')
  outbox.add('c', 'C')

  outbox.doubt('Lost.')

  expect(outbox.sends.map(({ state, reason }) => [state, reason])).toEqual([
    ['refused', 'No.'],
    ['unconfirmed', 'Lost.'],
    ['queued', ''],
  ])
})

test('a retry keeps the id, and results of the earlier attempt have no effect', () => {
  const { outbox, first } = sending('a')
  outbox.doubt('Lost.')
  outbox.requeue('a')
  expect(states(outbox)).toEqual(['a queued'])
  expect(outbox.take()).toMatchObject([{ id: 'a', body: 'A' }])

  outbox.fail(first(), 'unconfirmed', 'Too late.')

  expect(states(outbox)).toEqual(['a sending'])
})

test('a message that is being sent is not sent again', () => {
  const { outbox } = sending('a')
  outbox.requeue('a')
  expect(outbox.take()).toEqual([])
})
