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
])('%s', (message, links) => {
  expect(linksIn(message)).toEqual(links)
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
