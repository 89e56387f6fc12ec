import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Broadcast } from '../../protocol/broadcast.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import { Message, Reply } from '../../protocol/message.ts'
import type { Frame } from '../../protocol/serializer.ts'
import { v2JsonSerializer } from '../../protocol/v2-json-serializer.ts'
import * as arbitrary from '../helpers/arbitraries.ts'
import { type ClientMessage, clientDecode, clientEncode } from '../helpers/phoenix-codec.ts'
import { hex, recorded } from '../helpers/vectors.ts'

const { decode, encode, fastlane } = v2JsonSerializer
const failing = (code: string) => expect.objectContaining({ name: 'ProtocolError', code })
const textFrame = (data: string) => expect.objectContaining({ opcode: 'text', data })
const binaryFrame = (digits: string) => expect.objectContaining({ opcode: 'binary', data: hex(digits) })

it('is version 2.0.0 and constant', () => {
  expect(v2JsonSerializer).toMatchObject({ vsn: '2.0.0', index: 1 })
  expect(v2JsonSerializer).toSatisfy(Object.isFrozen)
})

describe('decode', () => {
  it.each([
    { frame: '["1","1","room:x","phx_join",{}]', message: new Message('1', '1', 'room:x', 'phx_join', {}) },
    {
      frame: '["1","2","room:x","echo",{"a":1}]',
      message: new Message('1', '2', 'room:x', 'echo', { a: 1 }),
    },
    {
      frame: '[null,"7","phoenix","heartbeat",{}]',
      message: new Message(null, '7', 'phoenix', 'heartbeat', {}),
    },
    {
      frame: '[null,"7","phoenix","heartbeat",null]',
      message: new Message(null, '7', 'phoenix', 'heartbeat', null),
    },
    { frame: '[1,2,3,4,"text"]', message: new Message(1, 2, 3, 4, 'text') },
    { frame: '[{"a":1},[2],null,false,[1,2]]', message: new Message({ a: 1 }, [2], null, false, [1, 2]) },
  ])('reads $frame without checking types (FRAME-1, FRAME-4)', ({ frame, message }) => {
    expect(decode(frame, 'text')).toEqual(message)
    expect(decode(new TextEncoder().encode(frame), 'text')).toEqual(message)
  })

  it('ignores elements after the fifth (FRAME-1)', () => {
    expect(decode('["1","2","t","e",{},"six",7]', 'text')).toEqual(new Message('1', '2', 't', 'e', {}))
  })

  it.each(['[]', '["1","2","room:m","ok"]', '{"topic":"x"}', 'null', '7', '"[1,2,3,4,5]"'])(
    'refuses %s, which is not an array of five elements (FRAME-1)',
    (frame) => {
      expect(() => decode(frame, 'text')).toThrow(failing('PHX_ERR_FRAME_SHAPE'))
    },
  )

  it.each(['', '{{', '{not json', '["1","2","room:m","ok",{}'])(
    'refuses %j, which is not JSON (FRAME-2)',
    (frame) => {
      expect(() => decode(frame, 'text')).toThrow(failing('PHX_ERR_FRAME_NOT_JSON'))
    },
  )

  it('refuses half of a surrogate pair (FRAME-2)', () => {
    expect(() => decode('["1","2","t","e",{"a":"\\ud800"}]', 'text')).toThrow(
      failing('PHX_ERR_FRAME_NOT_JSON'),
    )
  })

  it('refuses a reference that is too long or too deep (FRAME-7)', () => {
    const ref = '['.repeat(20_000) + ']'.repeat(20_000)
    expect(() => decode(`[null,${ref},"phoenix","heartbeat",{}]`, 'text')).toThrow(
      failing('PHX_ERR_FRAME_SHAPE'),
    )
  })

  it.each(recorded.clientPush)(
    'reads the recorded binary push $message.event (BINARY-2)',
    ({ frame, message }) => {
      const { joinRef, ref, topic, event, data } = message
      expect(decode(hex(frame), 'binary')).toEqual(new Message(joinRef, ref, topic, event, hex(data)))
    },
  )

  it('refuses JSON in a binary frame (BINARY-5)', () => {
    const frame = new TextEncoder().encode('[null,"1","phoenix","heartbeat",{}]')
    expect(() => decode(frame, 'binary')).toThrow(failing('PHX_ERR_FRAME_KIND'))
  })

  it('reads any message that a client writes, including white space (FRAME-1)', () => {
    fc.assert(
      fc.property(arbitrary.elements, fc.nat({ max: 4 }), (elements, space) => {
        const frame = JSON.stringify(elements, null, space)
        expect(decode(frame, 'text')).toEqual(new Message(...elements))
        expect(decode(new TextEncoder().encode(frame), 'text')).toEqual(new Message(...elements))
      }),
    )
  })

  it('reads the frames of the official client, text or bytes (FRAME-1, BINARY-2)', () => {
    const { shortText, payload, bytes } = arbitrary
    const data = fc.oneof(payload, bytes)
    fc.assert(
      fc.property(shortText, shortText, shortText, shortText, data, (join_ref, ref, topic, event, data) => {
        const isBinary = data instanceof Uint8Array
        const payload = isBinary ? new Uint8Array(data).buffer : data
        const frame = clientEncode({ join_ref, ref, topic, event, payload })
        expect(decode(frame, isBinary ? 'binary' : 'text')).toEqual(
          new Message(join_ref, ref, topic, event, data),
        )
      }),
    )
  })

  it('throws only ProtocolErrors, whatever the input (FRAME-1, FRAME-2, BINARY-5)', () => {
    const opcode = fc.constantFrom('text' as const, 'binary' as const)
    fc.assert(
      fc.property(fc.oneof(fc.string(), arbitrary.brokenJson, fc.uint8Array()), opcode, (data, opcode) => {
        try {
          expect(decode(data, opcode)).toBeInstanceOf(Message)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('encode', () => {
  it.each([
    {
      kind: 'reply',
      given: new Reply('1', '2', 'room:x', 'ok', { a: 1 }),
      frame: '["1","2","room:x","phx_reply",{"response":{"a":1},"status":"ok"}]',
    },
    {
      kind: 'reply of any JSON',
      given: new Reply('7', '7', 'room:list', 'ok', [1, 2]),
      frame: '["7","7","room:list","phx_reply",{"response":[1,2],"status":"ok"}]',
    },
    {
      kind: 'reply with a status of its own',
      given: new Reply('1', '2', 'room:x', 'weird', 'text'),
      frame: '["1","2","room:x","phx_reply",{"response":"text","status":"weird"}]',
    },
    {
      kind: 'reply that repeats odd references',
      given: new Reply(1, { a: null }, null, 'error', null),
      frame: '[1,{"a":null},null,"phx_reply",{"response":null,"status":"error"}]',
    },
    {
      kind: 'heartbeat reply',
      given: new Reply(null, '1', 'phoenix', 'ok', {}),
      frame: '[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]',
    },
    {
      kind: 'push',
      given: new Message('1', null, 'room:x', 'pushed', { z: 1, a: 2 }),
      frame: '["1",null,"room:x","pushed",{"z":1,"a":2}]',
    },
    {
      kind: 'close',
      given: new Message('1', '1', 'room:x', 'phx_close', {}),
      frame: '["1","1","room:x","phx_close",{}]',
    },
    {
      kind: 'error',
      given: new Message('1', '1', 'room:x', 'phx_error', { reason: 'channel_crash' }),
      frame: '["1","1","room:x","phx_error",{"reason":"channel_crash"}]',
    },
  ])('writes a $kind as five elements (FRAME-1, FRAME-3)', ({ given, frame }) => {
    expect(encode(given)).toEqual(textFrame(frame))
  })

  it.each([[[1]], [null], ['text'], [undefined]])(
    'refuses to push %j, which is not an object (FRAME-6)',
    (payload) => {
      expect(() => encode(new Message('1', null, 't', 'e', payload))).toThrow(failing('PHX_ERR_PAYLOAD_TYPE'))
    },
  )

  it.each(recorded.serverPush)(
    'writes the recorded binary push $message.event (BINARY-3)',
    ({ frame, message }) => {
      const { joinRef, topic, event, data } = message
      expect(encode(new Message(joinRef, null, topic, event, hex(data)))).toEqual(binaryFrame(frame))
    },
  )

  it.each(recorded.serverReply)(
    'writes the recorded binary reply on $message.topic (BINARY-3)',
    ({ frame, message }) => {
      const { joinRef, ref, topic, status, data } = message
      expect(encode(new Reply(joinRef, ref, topic, status, hex(data)))).toEqual(binaryFrame(frame))
    },
  )

  it('writes a binary push without a ref (BINARY-3)', () => {
    expect(encode(new Message('1', '9', 't', 'e', hex('07')))).toEqual(binaryFrame('00 01 01 01 31 74 65 07'))
  })

  it('refuses a binary reply to a client whose references are not text (BINARY-4)', () => {
    expect(() => encode(new Reply(1, 2, 't', 'ok', hex('07')))).toThrow(failing('PHX_ERR_PAYLOAD_TYPE'))
  })

  it('has no limit for the length of fields in text frames, and 255 bytes in binary frames (BINARY-4)', () => {
    const topic = 'a'.repeat(256)
    expect(encode(new Message('1', null, topic, 'e', {}))).toEqual(textFrame(`["1",null,"${topic}","e",{}]`))
    expect(() => encode(new Message('1', null, topic, 'e', hex('')))).toThrow(
      failing('PHX_ERR_FIELD_TOO_LONG'),
    )
  })
})

describe('fastlane', () => {
  it('writes a broadcast with both references null (BROADCAST-1)', () => {
    expect(fastlane(new Broadcast('room:x', 'bc', { z: 1 }))).toEqual(
      textFrame('[null,null,"room:x","bc",{"z":1}]'),
    )
  })

  it.each(recorded.serverBroadcast)(
    'writes the recorded broadcast $message.event (BINARY-3)',
    ({ frame, message }) => {
      const { topic, event, data } = message
      expect(fastlane(new Broadcast(topic, event, hex(data)))).toEqual(binaryFrame(frame))
    },
  )
})

describe('a text frame, as clients read it', () => {
  /** Cut the text at its first four commas, as the Kotlin client does. */
  function slice(frame: string): unknown[] {
    const parts: string[] = []
    let rest = frame.slice(1, -1)
    while (parts.length < 4) {
      const comma = rest.indexOf(',')
      parts.push(rest.slice(0, comma))
      rest = rest.slice(comma + 1)
    }
    return [...parts, rest].map((part) => JSON.parse(part))
  }

  const { reference, text, json, payload } = arbitrary
  const written = fc.oneof(
    fc.tuple(reference, reference, text, text, payload).map(([joinRef, ref, topic, event, payload]) => ({
      frame: encode(new Message(joinRef, ref, topic, event, payload)),
      elements: [joinRef, ref, topic, event, payload],
    })),
    fc.tuple(reference, reference, text, text, json).map(([joinRef, ref, topic, status, response]) => ({
      frame: encode(new Reply(joinRef, ref, topic, status, response)),
      elements: [joinRef, ref, topic, 'phx_reply', { response, status }],
    })),
    fc.tuple(text, text, payload).map(([topic, event, payload]) => ({
      frame: fastlane(new Broadcast(topic, event, payload)) as Frame,
      elements: [null, null, topic, event, payload],
    })),
  )

  it('is five elements without white space between them (FRAME-5)', () => {
    fc.assert(
      fc.property(written, ({ frame, elements }) => {
        const value: unknown = JSON.parse(String(frame.data))
        expect(value).toEqual(elements)
        expect(value).toHaveLength(5)
        expect(frame.data).toBe(JSON.stringify(value))
      }),
    )
  })

  it('splits into its elements at the first four commas if no field contains one (FRAME-5)', () => {
    const named = written.filter(({ elements }) => !elements.slice(0, 4).join('').includes(','))
    fc.assert(
      fc.property(named, ({ frame, elements }) => {
        expect(slice(String(frame.data))).toEqual(elements)
      }),
    )
  })

  it('is a message to the official client (FRAME-1)', () => {
    fc.assert(
      fc.property(written, ({ frame, elements }) => {
        const [join_ref, ref, topic, event, payload] = elements
        expect(clientDecode(frame.data)).toEqual({ join_ref, ref, topic, event, payload } as ClientMessage)
      }),
    )
  })
})

describe('a binary frame, as the official client reads it', () => {
  const { shortText, bytes } = arbitrary

  it('is a push (BINARY-3)', () => {
    fc.assert(
      fc.property(shortText, shortText, shortText, bytes, (join_ref, topic, event, payload) => {
        const { data } = encode(new Message(join_ref, null, topic, event, payload))
        expect(clientDecode(data)).toEqual({ join_ref, ref: null, topic, event, payload })
      }),
    )
  })

  it('is a reply (BINARY-3)', () => {
    const names = fc.tuple(shortText, shortText, shortText, shortText)
    fc.assert(
      fc.property(names, bytes, ([join_ref, ref, topic, status], response) => {
        const { data } = encode(new Reply(join_ref, ref, topic, status, response))
        const payload = { status, response }
        expect(clientDecode(data)).toEqual({ join_ref, ref, topic, event: 'phx_reply', payload })
      }),
    )
  })

  it('is a broadcast (BINARY-3)', () => {
    fc.assert(
      fc.property(shortText, shortText, bytes, (topic, event, payload) => {
        const { data } = fastlane(new Broadcast(topic, event, payload)) as Frame
        expect(clientDecode(data)).toEqual({ join_ref: null, ref: null, topic, event, payload })
      }),
    )
  })
})
