import fc from 'fast-check'
import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import {
  defaultRoom,
  hashOfRoom,
  readRooms,
  roomNameError,
  roomOfHash,
  roomsToShow,
  titleOf,
} from '../../../client/app/rooms.ts'
import { limits, RoomName } from '../../../server/app/contracts/room.ts'

const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: limits.roomName + 2 }),
  fc.string({ unit: fc.constantFrom(',', 'a', '\t', '\u0085', '🐦', ' '), maxLength: limits.roomName + 2 }),
)

test('a name is refused exactly if the contract refuses it', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      expect(roomNameError(name) === null).toBe(Value.Check(RoomName, name))
    }),
  )
})

test.each([
  ['', 'Type the name of a room.'],
  ['a,b', 'A name cannot contain commas.'],
  ['a\tb', 'A name cannot contain tabs, line breaks or other control characters.'],
  ['x'.repeat(70), 'A name has at most 64 characters; this name has 70.'],
])('the name %j is refused with a sentence that gives the reason', (name, sentence) => {
  expect(roomNameError(name)).toBe(sentence)
})

test('a name of 64 birds, each of two UTF-16 units, has 64 characters and is accepted', () => {
  expect(roomNameError('🐦'.repeat(64))).toBeNull()
})

test('every name can be read from the URL that is made from it', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      fc.pre(name !== '')
      expect(roomOfHash(hashOfRoom(name))).toBe(name)
    }),
  )
})

test('a URL with a lone # names no room', () => {
  expect([roomOfHash(''), roomOfHash('#')]).toEqual([null, null])
})

test('a room is found in a URL that was typed by hand', () => {
  expect([roomOfHash('#lobby'), roomOfHash('#100%'), roomOfHash('#a#b')]).toEqual(['lobby', '100%', 'a#b'])
})

test('a URL can contain half of a surrogate pair', () => {
  expect(hashOfRoom('\ud83d')).toBe('#%EF%BF%BD')
})

test('the page opens the first room of the worker', () => {
  expect(defaultRoom()).toBe('global')
})

test('if the token allows only some rooms, the page opens the first of them', () => {
  expect([defaultRoom(null), defaultRoom(['private-board', 'lobby'])]).toEqual(['global', 'private-board'])
})

test('open rooms are shown even before the server lists them, in natural order', () => {
  expect(roomsToShow(['global', 'lobby'], ['den', 'lobby'])).toEqual(['den', 'global', 'lobby'])
  expect(roomsToShow(['room 10', 'Room 9', 'room 2', 'zoo', 'äh'], [])).toEqual([
    ...['äh', 'room 2', 'Room 9', 'room 10', 'zoo'],
  ])
})

test('the title shows the number of unread messages and the room', () => {
  expect([titleOf('den', 0), titleOf('den', 3)]).toEqual([
    '#den · fastify-phoenix',
    '(3) #den · fastify-phoenix',
  ])
})

test('the response of the rooms API is parsed, and anything else is refused', () => {
  expect(readRooms({ rooms: ['global'] })).toEqual(['global'])
  for (const answer of [null, 'x', [], {}, { rooms: 'global' }, { rooms: [1] }]) {
    expect(readRooms(answer)).toBeNull()
  }
})
