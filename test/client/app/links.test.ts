import fc from 'fast-check'
import { expect, test } from 'vitest'
import { partsOf } from '../../../client/app/links.ts'

const linksIn = (message: string) => partsOf(message).flatMap(({ text, isLink }) => (isLink ? [text] : []))

test.each([
  ['see https://example.com/a?b=c#d.', ['https://example.com/a?b=c#d']],
  ['(http://localhost:4000/#lobby)', ['http://localhost:4000/#lobby']],
  [
    'https://en.wikipedia.org/wiki/Phoenix_(mythology), or',
    ['https://en.wikipedia.org/wiki/Phoenix_(mythology)'],
  ],
  ['"https://a.example" and HTTPS://B.example!', ['https://a.example', 'HTTPS://B.example']],
  ['<https://a.example>', ['https://a.example']],
  ['javascript:alert(1) data:text/html,x ftp://a xhttps://b', []],
  ['https:// http://', []],
  ['nothing', []],
  ['(see (https://a.example/b_(c)!).)', ['https://a.example/b_(c)']],
  ['https://a.example/).)…', ['https://a.example/']],
  ['https://a.example/(b.)', ['https://a.example/(b.)']],
])('%s', (message, links) => {
  expect(linksIn(message)).toEqual(links)
})

test('the time to find URLs is linear: punctuation is scanned once', () => {
  const url = `http://a${'.'.repeat(2_500)}x`
  const body = url + ')'.repeat(2_500)
  // A scan for each parenthesis takes 20 seconds; a single scan takes about a millisecond.
  const start = performance.now()
  const parts = partsOf(body)
  expect(parts.map(({ text }) => text).join('')).toBe(body)
  expect(performance.now() - start).toBeLessThan(5_000)
})

test('the parts add up to the message, and links contain only http and https URLs', () => {
  const piece = fc.constantFrom(
    'https://',
    'http://a.b',
    '(',
    ')',
    '.',
    ' ',
    '<',
    '"',
    'javascript:',
    'x',
    'ü',
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const parts = partsOf(pieces.join(''))
      expect(parts.map(({ text }) => text).join('')).toBe(pieces.join(''))
      for (const { text, isLink } of parts) if (isLink) expect(new URL(text).protocol).toMatch(/^https?:$/)
    }),
  )
})
