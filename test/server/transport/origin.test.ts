import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type CheckOrigin,
  compileOrigin,
  type Origin,
  type OriginRequest,
} from '../../../server/transport/origin.ts'

const local: OriginRequest = { scheme: 'http', host: 'localhost', port: 4000 }
const site: OriginRequest = { scheme: 'http', host: 'example.com', port: null }

function isAllowed(rule: CheckOrigin, origin: string | undefined, request = local): boolean {
  return compileOrigin(rule, 'example.com')(origin, request) === null
}

const rules: CheckOrigin[] = [true, false, 'conn', 'same-host', ['//example.com'], [], () => false]

test.each(rules)('allows a request without Origin under %j (B045)', (rule) => {
  expect(isAllowed(rule, undefined)).toBe(true)
})

test.each([
  ['http://example.com', true],
  ['https://example.com', true],
  ['https://example.com:8443', true],
  ['http://example.com/path?query#fragment', true],
  ['https://other.com', false],
  ['https://EXAMPLE.com', false],
  ['https://sub.example.com', false],
  ['https://example.com.evil.test', false],
  ['https://example.com@evil.test', false],
])('the entry //example.com allows any scheme and port: %s → %s (B046)', (origin, expected) => {
  expect(isAllowed(['//example.com'], origin)).toBe(expected)
})

test.each([
  ['https://example.com', true],
  ['HTTPS://example.com', true],
  ['https://example.com:443', true],
  ['http://example.com', false],
  ['http://example.com:443', false],
  ['https://example.com:8443', false],
])('the entry https://example.com allows only its default port: %s → %s (B047)', (origin, expected) => {
  expect(isAllowed(['https://example.com'], origin)).toBe(expected)
})

test.each([
  ['http://example.com:888', true],
  ['wss://example.com:888', true],
  ['http://example.com', false],
])('the entry //example.com:888 allows any scheme at that port: %s → %s', (origin, expected) => {
  expect(isAllowed(['//example.com:888'], origin)).toBe(expected)
})

test.each([
  ['https://a.x.test', true],
  ['https://a.b.x.test', true],
  ['https://x.test', true],
  ['https://prefix-x.test', false],
  ['https://x.test.evil.test', false],
  ['https://*.x.test', true],
])('the entry //*.x.test allows the domain and all its subdomains: %s → %s (B048)', (origin, expected) => {
  expect(isAllowed(['//*.x.test'], origin)).toBe(expected)
})

test('an origin is allowed if any entry of the list matches', () => {
  expect(isAllowed(['//a.test', 'https://b.test'], 'https://b.test')).toBe(true)
  expect(isAllowed(['//a.test', 'https://b.test'], 'https://c.test')).toBe(false)
  expect(isAllowed(['//[::1]:4000'], 'http://[::1]:4000')).toBe(true)
  expect(isAllowed([], 'https://a.test')).toBe(false)
})

test.each(['null', '', 'file://', 'file:///etc', 'about:blank', '//', 'https://a:b'])(
  'refuses %j, which has no host, unless origins are not checked (B049)',
  (origin) => {
    const empty: OriginRequest = { scheme: 'http', host: '', port: null }
    for (const rule of [true, ['//example.com'], 'same-host', 'conn'] satisfies CheckOrigin[]) {
      expect(isAllowed(rule, origin)).toBe(false)
      expect(isAllowed(rule, origin, empty)).toBe(false)
    }
    expect(isAllowed(false, origin)).toBe(true)
  },
)

test('true compares only with the host of the configured url (B050)', () => {
  expect(isAllowed(true, 'http://example.com:4001')).toBe(true)
  expect(isAllowed(true, 'https://example.com')).toBe(true)
  expect(isAllowed(true, 'http://localhost:4000')).toBe(false)
})

test.each([
  ['http://localhost:4000', local, true],
  ['https://localhost:4000', local, false],
  ['ws://localhost:4000', local, false],
  ['http://localhost:4001', local, false],
  ['http://127.0.0.1:4000', local, false],
  ['http://example.com', site, true],
  ['http://example.com:80', site, true],
  ['https://example.com', site, false],
  ['https://example.com', { ...site, scheme: 'https' }, true],
])('conn compares scheme, host and port: %s at %j → %s (B051)', (origin, request, expected) => {
  expect(isAllowed('conn', origin, request)).toBe(expected)
})

test.each([
  ['http://localhost:4000', local, true],
  ['http://localhost:4001', local, false],
  ['http://localhost', local, false],
  ['http://evil.test:4000', local, false],
  ['http://example.com', site, true],
  // A proxy in front ends TLS.
  ['https://example.com', site, true],
  ['https://example.com', { ...site, port: 443 }, true],
  ['https://example.com:8443', site, false],
  ['http://[::1]:4000', { ...local, host: '[::1]' }, true],
  ['app://example.com', site, false],
])('same-host compares the host and port of the Host header: %s at %j → %s', (origin, request, expected) => {
  expect(isAllowed('same-host', origin, request)).toBe(expected)
})

test('a function gets the parts of the origin, even without a host (B052)', () => {
  const seen: Origin[] = []
  const check = compileOrigin((origin) => seen.push(origin) === 1)
  expect(check('https://a.test', local)).toBeNull()
  expect(check('null', local)).not.toBeNull()
  expect(seen).toEqual([
    { header: 'https://a.test', scheme: 'https', host: 'a.test', port: 443 },
    { header: 'null', scheme: null, host: null, port: null },
  ])
})

test('a function allows an origin only by returning true, not by a promise of it', () => {
  const check = compileOrigin((async () => true) as unknown as () => boolean)
  expect(check('https://a.test', local)).not.toBeNull()
})

test.each<[rule: CheckOrigin, reason: string]>([
  [['//example.com'], 'checkOrigin is ["//example.com"]'],
  ['same-host', 'checkOrigin is "same-host", which compares host and port'],
  ['conn', 'checkOrigin is "conn", which compares scheme, host and port'],
  [true, 'checkOrigin is true, which compares only the host (without the port) with urlHost "example.com"'],
  [() => false, 'the function checkOrigin did not return true'],
])('a refusal names both origins and the setting %j', (rule, reason) => {
  expect(compileOrigin(rule, 'example.com')('https://evil.test', local)).toBe(
    `origin "https://evil.test" is not allowed to connect to "http://localhost:4000": ${reason}`,
  )
})

test('a refusal neither repeats a long origin nor its control characters', () => {
  const refusal = compileOrigin([])(`http://\n${'a'.repeat(10_000)}`, site)
  expect(refusal).toContain(String.raw`http://\n`)
  expect(refusal?.length).toBeLessThan(400)
})

test('two checks are independent (B054)', () => {
  const [a, b] = [compileOrigin(['//a.test']), compileOrigin(['//b.test'])]
  expect([a('http://a.test', local), b('http://b.test', local)]).toEqual([null, null])
  expect([a('http://b.test', local), b('http://a.test', local)]).not.toContain(null)
})

test('refuses any text that is not an allowed origin, and never throws', () => {
  const check = compileOrigin(['https://example.com'])
  fc.assert(
    fc.property(fc.string(), (origin) => {
      fc.pre(!/^https:/i.test(origin))
      expect(check(origin, local)).not.toBeNull()
    }),
  )
})
