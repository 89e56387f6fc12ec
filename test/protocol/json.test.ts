import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../protocol/errors.ts'
import { checkEnvelope, encodePayload, encodeValue, parseFrame, replyPayload } from '../../protocol/json.ts'
import { Message, Reply } from '../../protocol/message.ts'
import * as arbitrary from '../helpers/arbitraries.ts'
import { hex } from '../helpers/vectors.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

describe('parseFrame', () => {
  it('reads text and bytes in the same way, including white space (FRAME-2)', () => {
    const frame = ' [null ,\t"é😀",\r\n{"a":[1e3,-0.5]}] '
    const value = [null, 'é😀', { a: [1000, -0.5] }]
    expect(parseFrame(frame)).toEqual(value)
    expect(parseFrame(utf8(frame))).toEqual(value)
  })

  it.each(['', ' ', '{{', '[1,]', '[1', "['a']", 'undefined', 'NaN', '[01]', '"a\nb"', '\ufeff[]', '[] []'])(
    'refuses %j as text and as bytes (FRAME-2)',
    (frame) => {
      const failure = expect.objectContaining({
        code: 'PHX_ERR_FRAME_NOT_JSON',
        cause: expect.any(SyntaxError),
      })
      expect(() => parseFrame(frame)).toThrow(failure)
      expect(() => parseFrame(utf8(frame))).toThrow(failure)
    },
  )

  it.each(['22ff22', '22c322', '22eda08022', 'c0af'])(
    'refuses bytes that are not UTF-8: %s (FRAME-2)',
    (bytes) => {
      expect(() => parseFrame(hex(bytes))).toThrow(
        expect.objectContaining({ code: 'PHX_ERR_FRAME_NOT_JSON', cause: expect.any(TypeError) }),
      )
    },
  )

  it.each([
    '["\\ud800"]',
    '["\\uDfff"]',
    '["a\\udc00\\ud800b"]',
    '["\\ud83d\\u0041"]',
    '[{"\\ud800":1}]',
    '["\ud800"]',
    '["\\ud83d\udc00\ud800"]',
  ])('refuses half of a surrogate pair in %j (FRAME-2)', (frame) => {
    expect(() => parseFrame(frame)).toThrow(expect.objectContaining({ code: 'PHX_ERR_FRAME_NOT_JSON' }))
  })

  it('accepts escaped surrogate pairs, and text that only looks like half of one (FRAME-2)', () => {
    expect(parseFrame('["\\ud83d\\uDE00",{"\\uD83D\\ude00":"\\\\ud800"}]')).toEqual([
      '😀',
      { '😀': '\\ud800' },
    ])
  })

  it('reads the key __proto__ like any other', () => {
    const plain = parseFrame('{"__proto__":{"admin":true}}')
    const escaped = parseFrame('{"__proto__":{"admin":"\\ud83d\\ude00"}}')
    for (const value of [plain, escaped]) {
      expect(Object.keys(value as object)).toEqual(['__proto__'])
      expect(value).not.toHaveProperty('admin')
    }
  })

  it('accepts a frame of 1,024 levels, whatever its strings contain (FRAME-7)', () => {
    expect(parseFrame('['.repeat(1_024) + ']'.repeat(1_024))).toBeInstanceOf(Array)
    expect(parseFrame(`["${'['.repeat(5_000)}\\\\","\\"${'{'.repeat(5_000)}"]`)).toBeInstanceOf(Array)
    expect(parseFrame(`[${'[{}],'.repeat(5_000)}1]`)).toHaveLength(5_001)
  })

  it.each([
    { what: 'arrays', frame: '['.repeat(1_025) + ']'.repeat(1_025) },
    { what: 'objects', frame: `${'{"a":'.repeat(1_025)}1${'}'.repeat(1_025)}` },
    { what: 'both, behind a string', frame: `["\\\\",${'[{"a":'.repeat(512)}1${'}]'.repeat(512)}]` },
    { what: '4.9 million arrays, which are not parsed', frame: '['.repeat(4_900_000) },
  ])('refuses a frame with more levels: $what (FRAME-7)', ({ frame }) => {
    const failure = new ProtocolError('PHX_ERR_FRAME_SHAPE', 'a frame must nest at most 1024 levels deep')
    expect(() => parseFrame(frame)).toThrow(failure)
    expect(() => parseFrame(utf8(frame))).toThrow(failure)
  })
})

describe('checkEnvelope', () => {
  it('accepts refs and topics of any JSON type (FRAME-4)', () => {
    const message = new Message({ a: [1] }, 2, nested(4), null, nested(10_000))
    expect(checkEnvelope(message)).toBe(message)
    const long = new Message('x'.repeat(1_024), { ['x'.repeat(1_018)]: 1 }, 't', 'e', {})
    expect(checkEnvelope(long)).toBe(long)
  })

  it.each([
    { part: 'join_ref', message: new Message(nested(6), '1', 't', 'e', {}) },
    { part: 'ref', message: new Message('1', { a: nested(5) }, 't', 'e', {}) },
    { part: 'topic', message: new Message('1', '1', nested(100_000), 'e', {}) },
    { part: 'event', message: new Message('1', '1', 't', [nested(1), nested(5)], {}) },
    { part: 'ref', message: new Message('1', Array(1_000).fill([[]]), 't', 'e', {}) },
    { part: 'ref', message: new Message('1', 'x'.repeat(1_025), 't', 'e', {}) },
    { part: 'join_ref', message: new Message({ ['x'.repeat(1_019)]: 1 }, '1', 't', 'e', {}) },
  ])('refuses a $part that is too long or too deep to be repeated in replies (FRAME-7)', ({ message }) => {
    expect(() => checkEnvelope(message)).toThrow(expect.objectContaining({ code: 'PHX_ERR_FRAME_SHAPE' }))
  })
})

describe('encodeValue', () => {
  it('writes compact JSON that parses to the same value', () => {
    fc.assert(
      fc.property(arbitrary.json, (value) => {
        const json = encodeValue(value)
        expect(JSON.parse(json)).toEqual(value)
        expect(json).toBe(JSON.stringify(JSON.parse(json)))
      }),
    )
  })

  it('writes UTF-8 directly and escapes only what it must', () => {
    expect(encodeValue('/é😀\u2028\u007f"\\\b\t\n\f\r\u0001')).toBe(
      '"/é😀\u2028\u007f\\"\\\\\\b\\t\\n\\f\\r\\u0001"',
    )
  })

  it.each([undefined, () => 1, Symbol('s'), Number.NaN, Number.POSITIVE_INFINITY])(
    'writes null for %o, which has no JSON form',
    (value) => {
      expect(encodeValue(value)).toBe('null')
    },
  )

  it('throws a ProtocolError with the cause if there is no JSON form', () => {
    const circle: unknown[] = []
    circle.push(circle)
    const bomb = {
      toJSON() {
        throw new Error('bomb')
      },
    }
    for (const value of [circle, 1n, bomb]) {
      expect(() => encodeValue(value)).toThrow(
        expect.objectContaining({ code: 'PHX_ERR_PAYLOAD_TYPE', cause: expect.any(Error) }),
      )
    }
  })
})

it('throws no stack overflow, whether or not the engine can write a deep value (FRAME-7)', () => {
  const deep = nested(100_000)
  const reply = replyPayload(new Reply('1', '2', 'room:1', 'ok', deep))
  const attempts = [() => encodeValue(deep), () => encodePayload({ deep }), () => encodeValue(reply)]
  for (const attempt of attempts) {
    try {
      expect(attempt()).toContain('[[[')
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError)
    }
  }
})

describe('encodePayload', () => {
  it('writes an object with its keys in their order (FRAME-6)', () => {
    expect(encodePayload({ z: 1, a: { c: 2, b: [] } })).toBe('{"z":1,"a":{"c":2,"b":[]}}')
    expect(encodePayload({})).toBe('{}')
  })

  it("writes the result of an object's toJSON (FRAME-6)", () => {
    expect(encodePayload({ toJSON: () => ({ a: 1 }) })).toBe('{"a":1}')
  })

  it.each([
    { payload: [1], given: 'an array' },
    { payload: null, given: 'null' },
    { payload: undefined, given: 'undefined' },
    { payload: 'text', given: '"text"' },
    { payload: 7, given: '7' },
    { payload: true, given: 'true' },
    { payload: new Date(0), given: '"1970-01-01T00:00:00.000Z"' },
    { payload: 'x'.repeat(61), given: `"${'x'.repeat(60)}…"` },
  ])('refuses a payload that is not a JSON object: $given (FRAME-6)', ({ payload, given }) => {
    expect(() => encodePayload(payload)).toThrow(
      new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `a payload must be a JSON object or bytes (got ${given})`),
    )
  })
})

describe('replyPayload', () => {
  const payload = (status: string, response: unknown) =>
    encodeValue(replyPayload(new Reply('1', '2', 'room:1', status, response)))

  it('writes response, then status (FRAME-3)', () => {
    expect(payload('ok', { a: 1 })).toBe('{"response":{"a":1},"status":"ok"}')
  })

  it('accepts any JSON value as response and any word as status (FRAME-3)', () => {
    fc.assert(
      fc.property(arbitrary.text, arbitrary.json, (status, response) => {
        expect(JSON.parse(payload(status, response))).toEqual({ response, status })
      }),
    )
  })

  it('writes null if there is no response (FRAME-3)', () => {
    expect(payload('ok', undefined)).toBe('{"response":null,"status":"ok"}')
  })
})
