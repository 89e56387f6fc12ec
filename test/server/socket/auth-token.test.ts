import fc from 'fast-check'
import { expect, test } from 'vitest'
import { selectSubprotocol, takeAuthToken } from '../../../server/socket/auth-token.ts'

const item = (text: string) => `base64url.bearer.phx.${text}`

test('removes the token from the offer (B035)', () => {
  const offer = { token: 'abc', protocols: ['phoenix'] }
  expect(takeAuthToken(`phoenix, ${item('YWJj')}`)).toEqual(offer)
  expect(takeAuthToken(`${item('YWJj')},phoenix`)).toEqual(offer)
  expect(takeAuthToken(` phoenix ,, ${item('YWJj')} ,`)).toEqual(offer)
})

test.each([
  ['the standard alphabet', '+/8'],
  ['the alphabet of URLs', '-_8'],
  ['padding', '+/8='],
])('decodes bytes fb ff from %s (B036)', (_title, text) => {
  expect(takeAuthToken(item(text))).toEqual({ token: '\u00fb\u00ff', protocols: [] })
})

test.each([
  ['YQ', 'a'],
  ['YQ==', 'a'],
  ['YWI', 'ab'],
  ['YWI=', 'ab'],
  ['YWJj', 'abc'],
  ['', ''],
])('decodes %j with or without padding (B037)', (text, token) => {
  expect(takeAuthToken(item(text))?.token).toBe(token)
})

test('reads UTF-8, and the bytes of btoa, as the intended characters', () => {
  expect(takeAuthToken(item(Buffer.from('é😀').toString('base64')))?.token).toBe('é😀')
  expect(takeAuthToken(item(btoa('é')))?.token).toBe('é')
})

test.each([undefined, '', ' , '])('finds no token and no protocol in %j (B038)', (header) => {
  expect(takeAuthToken(header)).toEqual({ token: null, protocols: [] })
})

test.each([
  ['other', ['other']],
  ['phoenix, sip', ['phoenix', 'sip']],
  ['Base64url.bearer.phx.YWJj', ['Base64url.bearer.phx.YWJj']],
])('does not change an offer without a token: %j (B039)', (header, protocols) => {
  expect(takeAuthToken(header)).toEqual({ token: null, protocols })
})

test('does not change an offer of two tokens (B040)', () => {
  const protocols = ['phoenix', item('YWJj'), item('ZGVm')]
  expect(takeAuthToken(protocols.join(', '))).toEqual({ token: null, protocols })
  const same = [item('YWJj'), item('YWJj')]
  expect(takeAuthToken(same.join(', '))).toEqual({ token: null, protocols: same })
})

test.each(['!', 'YWJj!', 'Y', 'YWJjY', 'YQ=', 'YWI==', 'YWJj=', 'Y=Q=', '====', 'Y Q', 'YQ===', 'é'])(
  'refuses a token that is not base64: %j',
  (text) => {
    expect(takeAuthToken(`phoenix, ${item(text)}`)).toBeNull()
  },
)

test('never throws, whatever the header is', () => {
  const header = fc.oneof(fc.string(), fc.string().map(item))
  fc.assert(fc.property(header, (text) => void takeAuthToken(text)))
})

test('reads any token that a client encodes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (token) => {
      for (const encoding of ['base64', 'base64url'] as const) {
        expect(takeAuthToken(item(Buffer.from(token).toString(encoding)))?.token).toBe(token)
      }
    }),
  )
})

test.each<[allowed: string[] | null, offered: string[], chosen: string | null | undefined]>([
  [['phoenix'], ['phoenix'], 'phoenix'], // B035
  [['phoenix'], [], null], // B038
  [['phoenix'], ['other'], undefined], // B039
  [['phoenix'], ['phoenix', item('YWJj'), item('ZGVm')], 'phoenix'], // B040
  [['sip'], ['mqtt'], undefined], // B041
  [['sip'], ['mqtt', 'sip'], 'sip'], // B041
  [['sip'], [], null], // B041
  [null, ['anything'], null], // B042
  [['a', 'b'], ['b', 'a'], 'a'], // B043
  [['a'], ['A'], undefined],
  [[], ['a'], undefined],
])('with %j allowed and %j offered, chooses %j', (allowed, offered, chosen) => {
  expect(selectSubprotocol(offered, allowed)).toBe(chosen)
})
