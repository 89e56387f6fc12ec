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

test('a name is refused exactly when the contract refuses it', () => {
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
  ['x'.repeat(70), 'A name has at most 64 characters; this has 70.'],
])('the name %j is refused with a sentence that says why', (name, sentence) => {
  expect(roomNameError(name)).toBe(sentence)
})

test('64 characters are enough room for 64 birds, which are two units each', () => {
  expect(roomNameError('🐦'.repeat(64))).toBeNull()
})

test('every name comes back from the address it makes', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      fc.pre(name !== '')
      expect(roomOfHash(hashOfRoom(name))).toBe(name)
    }),
  )
})

test('an address names no room before or after a lone #', () => {
  expect([roomOfHash(''), roomOfHash('#')]).toEqual([null, null])
})

test('a room is found in an address that was typed by hand', () => {
  expect([roomOfHash('#lobby'), roomOfHash('#100%'), roomOfHash('#a#b')]).toEqual(['lobby', '100%', 'a#b'])
})

test('half a surrogate pair makes an address all the same', () => {
  expect(hashOfRoom('\ud83d')).toBe('#%EF%BF%BD')
})

test('the page starts in the first room that the worker speaks in', () => {
  expect(defaultRoom()).toBe('global')
})

test('where the token is for some rooms only, it starts in the first of them', () => {
  expect([defaultRoom(null), defaultRoom(['private-board', 'lobby'])]).toEqual(['global', 'private-board'])
})

test('open rooms are shown even before the server lists them, all as people sort them', () => {
  expect(roomsToShow(['global', 'lobby'], ['den', 'lobby'])).toEqual(['den', 'global', 'lobby'])
  expect(roomsToShow(['room 10', 'Room 9', 'room 2', 'zoo', 'äh'], [])).toEqual([
    ...['äh', 'room 2', 'Room 9', 'room 10', 'zoo'],
  ])
})

test('the title has the unread messages and the room', () => {
  expect([titleOf('den', 0), titleOf('den', 3)]).toEqual([
    '#den · fastify-phoenix',
    '(3) #den · fastify-phoenix',
  ])
})

test('the answer of the rooms API is read, and anything else is refused', () => {
  expect(readRooms({ rooms: ['global'] })).toEqual(['global'])
  for (const answer of [null, 'x', [], {}, { rooms: 'global' }, { rooms: [1] }]) {
    expect(readRooms(answer)).toBeNull()
  }
})
