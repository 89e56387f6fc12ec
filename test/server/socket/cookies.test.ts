import { expect, test } from 'vitest'
import { parseCookies } from '../../../server/socket/cookies.ts'

const cases: [header: string, cookies: Record<string, string>][] = [
  ['', {}],
  ['a=1', { a: '1' }],
  ['a=1; b=2;c=3', { a: '1', b: '2', c: '3' }],
  ['a=1=2', { a: '1=2' }],
  ['a=', { a: '' }],
  ['a=%C3%BC%20; b=%zz', { a: 'ü ', b: '%zz' }],
  ['a="quoted"; b="', { a: 'quoted', b: '"' }],
  ['a=first; a=second', { a: 'first' }],
  ['nonsense; a=1; ;', { a: '1' }],
]
test.each(cases)('parses %j', (header, cookies) => {
  expect({ ...parseCookies(header) }).toEqual(cookies)
})

test('accepts any name, including names in the prototype of objects', () => {
  const cookies = parseCookies('__proto__=1; toString=2')
  expect(Object.entries(cookies)).toEqual([
    ['__proto__', '1'],
    ['toString', '2'],
  ])
  expect(parseCookies('')['toString']).toBeUndefined()
})
