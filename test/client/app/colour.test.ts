import { expect, test } from 'vitest'
import { HUES, hueOf } from '../../../client/app/colour.ts'

test('a person always has the same colour, and all colours are used', () => {
  expect(hueOf('c-ann')).toBe(hueOf('c-ann'))
  const hues = new Set(Array.from({ length: 200 }, (_, n) => hueOf(`c-${n}`)))
  expect(hues.size).toBe(HUES)
})
