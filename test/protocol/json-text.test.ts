import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasLoneSurrogateEscape, isDeeperThan } from '../../protocol/json-text.ts'
import * as arbitrary from '../helpers/arbitraries.ts'

/** Every string and key of the value is text. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isWellFormed(item))
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

const escapes = fc
  .array(
    fc.constantFrom(
      ...['\\ud83d', '\\uDE00', '\\uDbff', '\\udC00', '\\ud7ff', '\\ue000', '\\u005c', '\\\\', '\\"'],
      ...['u', 'd', '\\n', '😀', '[', '}'],
    ),
  )
  .map((parts) => `["${parts.join('')}",{"${parts.join('')}":1}]`)

describe('hasLoneSurrogateEscape', () => {
  it('gives the same result as a check of every string and key (FRAME-2)', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          escapes,
          arbitrary.json.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(hasLoneSurrogateEscape(text)).toBe(!isWellFormed(JSON.parse(text)))
        },
      ),
    )
  })

  it('finds one at the end of the text', () => {
    expect(hasLoneSurrogateEscape('"\\ud83d"')).toBe(true)
    expect(hasLoneSurrogateEscape('"\\\\\\ude00"')).toBe(true)
    expect(hasLoneSurrogateEscape('"\\ud83d\\ude00\\ude00"')).toBe(true)
  })
})

describe('isDeeperThan', () => {
  it('counts arrays and objects, but not brackets in strings (FRAME-7)', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          escapes.filter((text) => !hasLoneSurrogateEscape(text)),
          arbitrary.json.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          const depth = depthOf(JSON.parse(text))
          expect(isDeeperThan(text, depth)).toBe(false)
          if (depth > 0) expect(isDeeperThan(text, depth - 1)).toBe(true)
        },
      ),
    )
  })

  it('leaves text that is not JSON to the parser', () => {
    for (const text of ['["', '[["\\', ']]]]', '"[[[[']) expect(isDeeperThan(text, 2)).toBe(false)
  })
})
