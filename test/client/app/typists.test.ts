import { expect, test } from 'vitest'
import { TYPING_MS, Typists, typingText } from '../../../client/app/typists.ts'

const ANN = { id: 'a', name: 'Ann' }

test('a user counts as typing for a while, and longer with each further event', () => {
  const typists = new Typists()
  typists.heard(ANN, 0)
  typists.heard({ id: 'b', name: 'Bob' }, 0)
  typists.heard(ANN, 1_000)
  expect(typists.names(TYPING_MS - 1)).toEqual(['Ann', 'Bob'])
  expect(typists.names(TYPING_MS)).toEqual(['Ann'])
  expect(typists.names(TYPING_MS + 1_000)).toEqual([])
})

test('a user who has sent a message no longer counts as typing', () => {
  const typists = new Typists()
  typists.heard(ANN, 0)
  typists.heard(undefined, 0)
  typists.stopped(ANN)
  expect(typists.names(0)).toEqual(['Someone'])
})

test.each([
  [[], ''],
  [['Ann'], 'Ann is typing…'],
  [['Ann', 'Bob'], 'Ann and Bob are typing…'],
  [['Ann', 'Bob', 'Cem'], 'Several people are typing…'],
])('%j', (names, text) => {
  expect(typingText(names)).toBe(text)
})
