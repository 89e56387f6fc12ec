import { expect, test } from 'vitest'
import { Broadcast } from '../../protocol/broadcast.ts'
import { Message, Reply } from '../../protocol/message.ts'
import { findFault } from '../../protocol/payload.ts'
import { v1JsonSerializer as v1 } from '../../protocol/v1-json-serializer.ts'
import { v2JsonSerializer as v2 } from '../../protocol/v2-json-serializer.ts'

const refused = (message: string) => expect.objectContaining({ code: 'PHX_ERR_PAYLOAD_TYPE', message })
const push = (payload: unknown) => new Message('1', null, 'r', 'e', payload)
const reply = (response: unknown) => new Reply('1', '2', 'r', 'ok', response)

const memory = () => new Uint8Array([1, 2, 3, 4])
const shared = (): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(4)
  new Uint8Array(buffer).set(memory())
  return buffer
}
const bytes: [string, () => unknown][] = [
  ['Uint8Array', memory],
  ['Buffer', () => Buffer.from(memory())],
  ['ArrayBuffer', () => memory().buffer],
  ['SharedArrayBuffer', shared],
  ['DataView', () => new DataView(Uint8Array.of(0, 1, 2, 3, 4, 5).buffer, 1, 4)],
  ['Uint16Array', () => new Uint16Array(memory().buffer)],
  ['Float32Array', () => new Float32Array(memory().buffer)],
  ['a view of shared memory', () => new Int8Array(shared())],
]

test.each(bytes)('%s is a payload of bytes (BINARY-1)', (_, make) => {
  const data = (frame: { data: string | Uint8Array } | null) => Buffer.from(frame?.data ?? '').toString('hex')
  expect(data(v2.encode(push(make())))).toBe('0001010131726501020304')
  expect(data(v2.encode(reply(make())))).toBe('010101010231' + '32' + '72' + '6f6b' + '01020304')
  const broadcast = new Broadcast('r', 'e', make())
  expect(data(v2.fastlane(broadcast))).toBe('02010172' + '65' + '01020304')
  expect([broadcast.payload, broadcast.json]).toEqual([expect.any(Uint8Array), null])
  for (const message of [push(make()), reply(make())]) {
    expect(() => v1.encode(message)).toThrow(
      refused("the client's protocol version 1.0.0 does not support binary payloads"),
    )
  }
  expect(v1.fastlane(broadcast)).toBeNull()
})

test('a view of a detached buffer is an error where it is sent (BINARY-1)', () => {
  const view = new DataView(new ArrayBuffer(8))
  structuredClone(null, { transfer: [view.buffer] })
  expect(() => v2.encode(push(view))).toThrow(refused('the payload cannot be read'))
})

class Secret {
  readonly #name = 'x'
  name(): string {
    return this.#name
  }
}
const lost: [string, () => unknown][] = [
  ['a Blob', () => new Blob(['x'])],
  ['a Map', () => new Map([[1, 2]])],
  ['a Set', () => new Set([1])],
  ['a WeakMap', () => new WeakMap()],
  ['a Promise (is an await missing?)', () => Promise.reject(new Error('x'))],
  ['an Error', () => Object.assign(new RangeError('x'), { code: 'X' })],
  ['a function', () => () => ({})],
  ['a symbol', () => Symbol('x')],
  ['an instance of Secret without public fields', () => new Secret()],
  ['an instance of RegExp without public fields', () => /x/],
  ['an instance of URLSearchParams without public fields', () => new URLSearchParams('a=1')],
]

test.each(lost)('%s is not a valid payload (FRAME-9)', (what, make) => {
  const error = refused(`the payload cannot be sent: it is ${what}`)
  for (const serializer of [v1, v2]) {
    expect(() => serializer.encode(push(make()))).toThrow(error)
    expect(() => serializer.encode(reply(make()))).toThrow(error)
  }
  expect(() => new Broadcast('r', 'e', make())).toThrow(error)
})

test.each(lost)('%s in a payload is an error that names the path (FRAME-9)', (what, make) => {
  const nested = (place: string) => refused(`the payload cannot be sent: the value at ${place} is ${what}`)
  expect(() => v2.encode(push({ a: 1, users: [{ tags: make() }] }))).toThrow(nested('/users/0/tags'))
  expect(() => v1.encode(reply([null, make()]))).toThrow(nested('/1'))
  expect(() => new Broadcast('r', 'e', { x: { y: make() } })).toThrow(nested('/x/y'))
})

const nestedBytes = bytes.filter(([what]) => what !== 'Buffer')

test.each(nestedBytes)(
  '%s inside a payload cannot be sent: the error names the path (FRAME-9)',
  (_, make) => {
    const error = expect.objectContaining({
      code: 'PHX_ERR_PAYLOAD_TYPE',
      message: expect.stringMatching(/^the payload cannot be sent: the value at \/files\/0 is an? \w+$/),
    })
    expect(() => v2.encode(push({ files: [make()] }))).toThrow(error)
    expect(() => v1.encode(reply({ files: [make()] }))).toThrow(error)
    expect(() => new Broadcast('r', 'e', { files: [make()] })).toThrow(error)
  },
)

test.each([
  [{ a: undefined, b: null, c: {}, d: [] }],
  [{ at: new Date(0), url: new URL('http://a/'), n: new Number(1), s: new String('s') }],
  [Object.assign(Object.create(null), { a: {} })],
  [
    new (class Point {
      x = 1
    })(),
  ],
  [{ file: Buffer.from(memory()) }],
  [Object.assign(new Map(), { toJSON: () => ({ a: 1 }) })],
  [new Proxy({ a: 1 }, {})],
])('a value that JSON can represent is sent: %# (FRAME-9)', (payload) => {
  expect(v2.encode(push(payload)).data).toBe(`["1",null,"r","e",${JSON.stringify(payload)}]`)
  expect(v2.encode(reply(payload)).data).toContain(`"response":${JSON.stringify(payload)}`)
})

test('nested values of a long payload are checked on demand (FRAME-9)', () => {
  const payload = { text: 'x'.repeat(1_000), tags: new Set([1]) }
  expect(v2.encode(push(payload)).data).toContain('"tags":{}')
  expect(findFault(payload)).toMatchObject({ path: '/tags', what: 'a Set' })
})

test.each([
  ['a text', { body: '\ud800' }],
  ['the second half alone', { body: 'a\udfff' }],
  ['halves in the wrong order', { body: '\ude00\ud83d' }],
  ['a key', { '\ud83d': 1 }],
  ['a text after a backslash', { body: '\\\ud800' }],
])('half of a surrogate pair is not sent: %s (FRAME-10)', (_, payload) => {
  const error = refused('all text in a message must be well-formed Unicode (got a lone surrogate)')
  for (const serializer of [v1, v2]) {
    expect(() => serializer.encode(push(payload))).toThrow(error)
    expect(() => serializer.encode(reply(payload))).toThrow(error)
  }
  expect(() => new Broadcast('r', 'e', payload)).toThrow(error)
})

test.each([['topic'], ['event']])(
  'half of a surrogate pair in the %s of a broadcast is not sent, as JSON or bytes (FRAME-10)',
  (name) => {
    const [topic, event] = name === 'topic' ? ['r\ud800', 'e'] : ['r', 'e\ud800']
    for (const payload of [{}, memory()]) {
      const error = refused(`the ${name} of a broadcast must be well-formed Unicode (got a lone surrogate)`)
      expect(() => new Broadcast(topic, event, payload)).toThrow(error)
    }
  },
)

test('half of a surrogate pair in a field of a binary push or reply is not sent (FRAME-10)', () => {
  const error = refused('event must be well-formed Unicode (got a lone surrogate)')
  expect(() => v2.encode(new Message('1', null, 'r', '\ud800', memory()))).toThrow(error)
})

test.each([['\u{1f600}'], ['\\ud800'], ['\\\\udfff']])(
  'text that only looks like half of a surrogate pair is sent: %j (FRAME-10)',
  (body) => {
    expect(v2.encode(push({ body })).data).toBe(`["1",null,"r","e",${JSON.stringify({ body })}]`)
  },
)

test('a broadcast of bytes whose topic is too long is an error where it is sent (BINARY-4)', () => {
  const error = expect.objectContaining({ code: 'PHX_ERR_FIELD_TOO_LONG' })
  expect(() => new Broadcast('r'.repeat(256), 'e', memory())).toThrow(error)
  expect(new Broadcast('r'.repeat(256), 'e', {}).json).toBe('{}')
})
