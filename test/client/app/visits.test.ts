import { expect, test, vi } from 'vitest'
import { Identity } from '../../../client/app/identity.ts'
import { memoryStore } from '../../../client/app/store.ts'
import { visits } from '../../../client/app/visits.ts'
import { MemoryLine } from '../../helpers/memory-line.ts'

function start() {
  const line = new MemoryLine()
  line.open()
  const me = new Identity(memoryStore())
  const events = () => line.sent.map(([, , topic, event]) => `${event} ${topic}`)
  return { line, me, events, visit: visits(line.socket, { me, changed: vi.fn() }) }
}

test('going to another room leaves the one before', () => {
  const { visit, events } = start()
  visit('lobby')
  visit('den')
  expect(events()).toEqual(['phx_join room:lobby', 'phx_leave room:lobby', 'phx_join room:den'])
})

test('going to the room we are in does nothing', () => {
  const { visit, events } = start()
  expect(visit('lobby')).toBe(visit('lobby'))
  expect(events()).toEqual(['phx_join room:lobby'])
})

test('going to a room that the server closed enters it again', () => {
  const { line, visit, events } = start()
  visit('lobby')
  line.reply('ok', {})
  line.push([line.last[0], line.last[0], 'room:lobby', 'phx_close', {}])
  visit('lobby')
  expect(events()).toEqual(['phx_join room:lobby', 'phx_join room:lobby'])
})

test('coming back to a room finds what was said and what was not sent', () => {
  const { line, visit } = start()
  const first = visit('lobby')
  line.reply('ok', {})
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])
  first.stay.send('unconfirmed')
  visit('den')

  const { conversation } = visit('lobby')

  expect(conversation.log.messages).toMatchObject([{ body: 'hello' }])
  expect(conversation.outbox.sends).toMatchObject([{ body: 'unconfirmed' }])
})

test('going to the room we are in under another name joins it again with that name', () => {
  const { line, me, visit, events } = start()
  visit('lobby')
  me.rename('Ann')

  const { name } = visit('lobby')

  expect(name).toBe('Ann')
  expect(events()).toEqual(['phx_join room:lobby', 'phx_leave room:lobby', 'phx_join room:lobby'])
  expect(line.sent.at(0)?.[4]).toEqual({})
  expect(line.last[4]).toEqual({ name: 'Ann', client: me.client })
})
