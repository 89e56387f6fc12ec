import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeParams } from '../../../server/transport/params.ts'

test.each<[query: string, params: unknown]>([
  ['', {}],
  ['a=1&a=2', { a: '2' }], // B020
  ['b[]=1&b[]=2', { b: ['1', '2'] }], // B021
  ['c[x]=1&c[y][z]=2', { c: { x: '1', y: { z: '2' } } }], // B022
  ['d&e=', { d: '', e: '' }], // B023
  ['g[0][a]=1', { g: { 0: { a: '1' } } }], // B024
  ['f=a+b%20c%2Bd', { f: 'a b c+d' }], // B025
  ['token=t&vsn=2.0.0', { token: 't', vsn: '2.0.0' }], // B026
  ['&a=1&&b=2&', { a: '1', b: '2' }],
  ['a=b=c', { a: 'b=c' }],
  ['=1', { '': '1' }],
  ['a+b=1', { 'a b': '1' }],
  ['n=%F0%9F%98%80&%C3%A9=1', { n: '😀', é: '1' }],
  ['c%5Bx%5D=1', { c: { x: '1' } }],
  ['token=100%', { token: '100%' }],
  ['a=%&b=%4&c=%zz&%=%%41', { a: '%', b: '%4', c: '%zz', '%': '%A' }],
  ['a=%+1%2', { a: '% 1%2' }],
  ['a[%]=50%25%&a[b%]=%E2%82%AC%', { a: { '%': '50%%', 'b%': '€%' } }],
  ['c[x=1&c]=2&[x]=3', { 'c[x': '1', 'c]': '2', '[x]': '3' }],
  ['c[x]y]=1', { c: { 'x]y': '1' } }],
  ['c[[]=1', { c: { '[': '1' } }],
  ['b[]', { b: [''] }],
  ['b[][]=1&b[][]=2', { b: [['1', '2']] }],
  ['b[a][]=1&b[c]=2', { b: { a: ['1'], c: '2' } }],
])('decodes %j like Plug', (query, params) => {
  expect(decodeParams(query)).toEqual(params)
})

test.each<[query: string, params: unknown]>([
  ['x=1&x[y]=2', { x: { y: '2' } }],
  ['x[y]=2&x=1', { x: '1' }],
  ['x=1&x[]=2', { x: ['2'] }],
  ['x[]=1&x[y]=2', { x: { y: '2' } }],
  ['x[y]=2&x[]=1', { x: ['1'] }],
  ['x[y]=1&x[y][z]=2', { x: { y: { z: '2' } } }],
  // Plug again: x[…] has had its place before x=2.
  ['x[y]=1&x=2&x[z]=3', { x: '2' }],
])('uses the later of two forms in %j', (query, params) => {
  expect(decodeParams(query)).toEqual(params)
})

test.each(['a=%ff', '%ff=1', 'a=%ff%', 'a=%%ff', 'a=%ED%A0%80', 'a=%C0%AF', 'ok=1&a=%c3'])(
  'refuses %j, which is not valid text',
  (query) => {
    expect(decodeParams(query)).toBeNull()
  },
)

test('nests 32 levels and no more', () => {
  expect(decodeParams(`a${'[b]'.repeat(31)}=1`)).not.toBeNull()
  expect(decodeParams(`a${'[b]'.repeat(32)}=1`)).toBeNull()
  expect(decodeParams(`a${'[]'.repeat(32)}=1`)).toBeNull()
})

test.each([
  ['__proto__[admin]=1', '{"__proto__":{"admin":"1"}}'],
  ['a[__proto__][admin]=1', '{"a":{"__proto__":{"admin":"1"}}}'],
  ['constructor[prototype][admin]=1', '{"constructor":{"prototype":{"admin":"1"}}}'],
])('accepts every key of %j as data', (query, json) => {
  expect(JSON.stringify(decodeParams(query))).toBe(json)
  expect(({} as { admin?: string }).admin).toBeUndefined()
})

test('returns objects without a prototype, so that a name that was not sent is absent', () => {
  const params = decodeParams('a[b]=1')
  expect(params?.['toString']).toBeUndefined()
  expect(Object(params?.['a']).toString).toBeUndefined()
})

test('decodes the output of URLSearchParams', () => {
  const key = fc.string({ unit: 'binary' }).filter((name) => !name.includes('['))
  const params = fc.dictionary(key, fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(params, (data) => {
      expect(decodeParams(new URLSearchParams(data).toString())).toEqual(data)
    }),
  )
})

test('never throws, whatever the text', () => {
  const text = fc.oneof(fc.string(), fc.array(fc.constantFrom('a', '[', ']', '[]', '=', '&', '%', '%41')))
  fc.assert(
    fc.property(text, (parts) => void decodeParams([...parts].join(''))),
    { numRuns: 2000 },
  )
})

/** Least milliseconds that it takes to decode this pair `count` times. */
function timeOf(pair: string, count: number): number {
  const query = pair.repeat(count)
  const times = [1, 2, 3].map(() => {
    const started = performance.now()
    decodeParams(query)
    return performance.now() - started
  })
  return Math.min(...times)
}

test.each(['k&', 'k[a]&', `k${'[a]'.repeat(31)}&`])(
  'takes linear time for a query of many keys without `=`: %s',
  (pair) => {
    // 16 times the keys take about 16 times as long, and 256 times as long if each key costs a search of the whole query.
    expect(timeOf(pair, 160_000)).toBeLessThan(64 * timeOf(pair, 10_000))
  },
)
