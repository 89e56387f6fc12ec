import { expect, test, vi } from 'vitest'
import { Identity } from '../../../client/app/identity.ts'
import { MAX_OPEN_ROOMS, OpenRooms } from '../../../client/app/open-rooms.ts'
import { memoryStore } from '../../../client/app/store.ts'
import { MemoryLine } from '../../helpers/memory-line.ts'

function start() {
  const line = new MemoryLine()
  line.open()
  const me = new Identity(memoryStore())
  const events = () => line.sent.map(([, , topic, event]) => `${event} ${topic}`)
  const visits = new OpenRooms(line.socket, {
    me,
    lastRead: () => null,
    expiring: vi.fn(),
    readTimes: async () => null,
    changed: vi.fn(),
  })
  return { line, me, events, visits, open: () => visits.open.map(({ room }) => room) }
}

test('a room stays joined and receives messages when the user opens another room', () => {
  const { line, visits, events, open } = start()
  const { conversation } = visits.visit('lobby')
  line.reply('ok', {})
  visits.visit('den')
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])

  expect(events()).toEqual(['phx_join room:lobby', 'phx_join room:den'])
  expect([conversation.unread, open()]).toEqual([1, ['lobby', 'den']])
})

test('opening a room that is already open does not join it again', () => {
  const { visits, events, open } = start()
  const lobby = visits.visit('lobby')
  visits.visit('den')
  expect(visits.visit('lobby')).toBe(lobby)
  expect([events(), open()]).toEqual([
    ['phx_join room:lobby', 'phx_join room:den'],
    ['den', 'lobby'],
  ])
})

test(`if more than ${MAX_OPEN_ROOMS} rooms are open, the least recently visited one is left`, () => {
  const { visits, events, open } = start()
  for (let n = 0; n < MAX_OPEN_ROOMS; n++) visits.visit(`r${n}`)
  visits.visit('r0')
  visits.visit('one more')
  expect(open()).toHaveLength(MAX_OPEN_ROOMS)
  expect(open().at(0)).toBe('r2')
  expect(events().at(-1)).toBe('phx_leave room:r1')
})

test('opening a room that the server has closed joins it again', () => {
  const { line, visits, events } = start()
  visits.visit('lobby')
  line.reply('ok', {})
  line.push([line.last[0], line.last[0], 'room:lobby', 'phx_close', {}])
  visits.visit('lobby')
  expect(events()).toEqual(['phx_join room:lobby', 'phx_join room:lobby'])
})

test('opening a room that was left shows its earlier messages and the unsent ones', () => {
  const { line, visits, open } = start()
  const first = visits.visit('lobby')
  line.reply('ok', {})
  line.push([null, null, 'room:lobby', 'new_msg', { body: 'hello' }])
  first.session.send('unconfirmed')
  visits.leave('lobby')
  expect(open()).toEqual([])

  const { conversation } = visits.visit('lobby')

  expect(conversation.log.messages).toMatchObject([{ body: 'hello' }])
  expect(conversation.outbox.sends).toMatchObject([{ body: 'unconfirmed', state: 'unconfirmed' }])
})

test('after a change of name all open rooms are joined again with the new name', () => {
  const { line, me, visits, events } = start()
  visits.visit('lobby')
  visits.visit('den')
  me.rename('Ann')

  const { name, conversation } = visits.rename('den')

  expect([name, conversation.room]).toEqual(['Ann', 'den'])
  expect(events().slice(2)).toEqual([
    'phx_leave room:lobby',
    'phx_join room:lobby',
    'phx_leave room:den',
    'phx_join room:den',
  ])
  expect(line.sent.at(0)?.[4]).toEqual({ _since: null, _last: 100 })
  expect(line.last[4]).toMatchObject({ name: 'Ann', client: me.client })
})

test('a room that the server has closed is not joined again while the name stays the same', () => {
  const { line, visits, events } = start()
  const lobby = visits.visit('lobby')
  line.reply('ok', {})
  line.push([line.last[0], line.last[0], 'room:lobby', 'phx_close', {}])
  expect(visits.rename('lobby')).toBe(lobby)
  expect([lobby.conversation.membership, events()]).toEqual(['closed', ['phx_join room:lobby']])
})

test('without a network every open room is shown as interrupted', () => {
  const { visits } = start()
  for (const room of ['lobby', 'den']) visits.visit(room)
  visits.interrupt()
  expect(visits.open.map(({ membership }) => membership)).toEqual(['lost', 'lost'])
})
