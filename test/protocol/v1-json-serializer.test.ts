import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Broadcast } from '../../protocol/broadcast.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import { Message, Reply } from '../../protocol/message.ts'
import { v1JsonSerializer } from '../../protocol/v1-json-serializer.ts'
import * as arbitrary from '../helpers/arbitraries.ts'

const { decode, encode, fastlane } = v1JsonSerializer
const failing = (code: string) => expect.objectContaining({ name: 'ProtocolError', code })

it('is version 1.0.0 and constant', () => {
  expect(v1JsonSerializer).toMatchObject({ vsn: '1.0.0', index: 0 })
  expect(v1JsonSerializer).toSatisfy(Object.isFrozen)
})

describe('decode', () => {
  it('reads an object with topic, event, payload and ref (V1-1)', () => {
    expect(decode('{"topic":"room:v","event":"phx_join","payload":{"a":1},"ref":"2"}', 'text')).toEqual(
      new Message(null, '2', 'room:v', 'phx_join', { a: 1 }),
    )
  })

  it('reads the keys in any order, ignores others, and reads join_ref if present (V1-2)', () => {
    expect(decode('{"ref":"2","x":0,"join_ref":"1","payload":[],"event":"e","topic":"t"}', 'text')).toEqual(
      new Message('1', '2', 't', 'e', []),
    )
  })

  it('accepts null as a value (V1-2)', () => {
    expect(decode('{"topic":null,"event":null,"payload":null,"ref":null,"join_ref":null}', 'text')).toEqual(
      new Message(null, null, null, null, null),
    )
  })

  it('reads a heartbeat without a reference, which one Python client sends (V1-2)', () => {
    expect(decode('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}', 'text')).toEqual(
      new Message(null, null, 'phoenix', 'heartbeat', {}),
    )
  })

  it.each(['topic', 'event', 'payload', 'ref'])('refuses an object without %s (V1-3)', (missing) => {
    const { [missing]: _, ...frame } = { topic: 't', event: 'e', payload: {}, ref: '1' } as Record<
      string,
      unknown
    >
    expect(() => decode(JSON.stringify(frame), 'text')).toThrow(failing('PHX_ERR_FRAME_SHAPE'))
  })

  it.each(['[null,"1","phoenix","heartbeat",{}]', '[]', 'null', '7', '"text"', '{}'])(
    'refuses %s, which is not such an object (V1-3)',
    (frame) => {
      expect(() => decode(frame, 'text')).toThrow(failing('PHX_ERR_FRAME_SHAPE'))
    },
  )

  it('ignores keys of the prototype (V1-3)', () => {
    const frame = '{"__proto__":{"topic":"t"},"event":"e","payload":{},"ref":"1"}'
    expect(() => decode(frame, 'text')).toThrow(failing('PHX_ERR_FRAME_SHAPE'))
  })

  it('refuses text that is not JSON (V1-3)', () => {
    expect(() => decode('{"topic":', 'text')).toThrow(failing('PHX_ERR_FRAME_NOT_JSON'))
  })

  it('refuses a reference that is too long or too deep (FRAME-7)', () => {
    const ref = '['.repeat(20_000) + ']'.repeat(20_000)
    const frame = `{"topic":"phoenix","event":"heartbeat","payload":{},"ref":${ref}}`
    expect(() => decode(frame, 'text')).toThrow(failing('PHX_ERR_FRAME_SHAPE'))
  })

  it('reads a binary message like a text message (V1-4)', () => {
    const frame = '{"topic":"room:é","event":"e","payload":{},"ref":"1"}'
    expect(decode(new TextEncoder().encode(frame), 'binary')).toEqual(decode(frame, 'text'))
  })

  it('reads any message that a client writes (V1-1)', () => {
    fc.assert(
      fc.property(arbitrary.elements, fc.nat({ max: 4 }), ([join_ref, ref, topic, event, payload], space) => {
        const frame = JSON.stringify({ payload, topic, ref, event, join_ref }, null, space)
        const message = new Message(join_ref, ref, topic, event, payload)
        expect(decode(frame, 'text')).toEqual(message)
        expect(decode(new TextEncoder().encode(frame), 'text')).toEqual(message)
      }),
    )
  })

  it('throws only ProtocolErrors, whatever the input (V1-3)', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), arbitrary.brokenJson, fc.uint8Array()), (data) => {
        try {
          expect(decode(data, typeof data === 'string' ? 'text' : 'binary')).toBeInstanceOf(Message)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('encode', () => {
  it.each([
    {
      kind: 'reply',
      given: new Reply('1', '2', 'room:v', 'ok', {}),
      frame: '{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"2","topic":"room:v"}',
    },
    {
      kind: 'reply of any JSON',
      given: new Reply(null, 2, 'room:v', 'error', [1]),
      frame: '{"event":"phx_reply","payload":{"response":[1],"status":"error"},"ref":2,"topic":"room:v"}',
    },
    {
      kind: 'push',
      given: new Message('1', null, 'room:v', 'pushed', { z: 1, a: 2 }),
      frame: '{"event":"pushed","payload":{"z":1,"a":2},"ref":null,"topic":"room:v"}',
    },
    {
      kind: 'close of a join without join_ref',
      given: new Message(null, null, 'room:v', 'phx_close', {}),
      frame: '{"event":"phx_close","payload":{},"ref":null,"topic":"room:v"}',
    },
    {
      kind: 'close of a join with join_ref',
      given: new Message('1', '1', 'room:v', 'phx_close', {}),
      frame: '{"event":"phx_close","payload":{},"ref":"1","topic":"room:v"}',
    },
  ])('writes a $kind with its keys in alphabetical order and no join_ref (V1-5)', ({ given, frame }) => {
    expect(encode(given)).toEqual(expect.objectContaining({ opcode: 'text', data: frame }))
  })

  it('throws for bytes (V1-6)', () => {
    const noBytes = new ProtocolError(
      'PHX_ERR_PAYLOAD_TYPE',
      "the client's protocol version 1.0.0 does not support binary payloads",
    )
    expect(() => encode(new Message('1', null, 't', 'e', Uint8Array.of(1)))).toThrow(noBytes)
    expect(() => encode(new Reply('1', '2', 't', 'ok', Uint8Array.of(1)))).toThrow(noBytes)
  })

  it.each([[[1]], [null], ['text']])('refuses to push %j, which is not an object (FRAME-6)', (payload) => {
    expect(() => encode(new Message('1', null, 't', 'e', payload))).toThrow(failing('PHX_ERR_PAYLOAD_TYPE'))
  })

  it('writes four keys in alphabetical order and no white space, whatever the values (V1-5)', () => {
    const { reference, text, payload } = arbitrary
    fc.assert(
      fc.property(reference, text, text, payload, (ref, topic, event, payload) => {
        const { data } = encode(new Message('1', ref, topic, event, payload))
        const value: unknown = JSON.parse(String(data))
        expect(value).toEqual({ event, payload, ref, topic })
        expect(Object.keys(value as object)).toEqual(['event', 'payload', 'ref', 'topic'])
        expect(data).toBe(JSON.stringify(value))
      }),
    )
  })
})

describe('fastlane', () => {
  it('writes a broadcast like a push (V1-5)', () => {
    expect(fastlane(new Broadcast('room:v', 'new_msg', { body: 'hi' }))).toEqual(
      expect.objectContaining({
        opcode: 'text',
        data: '{"event":"new_msg","payload":{"body":"hi"},"ref":null,"topic":"room:v"}',
      }),
    )
  })

  it('returns null for a broadcast of bytes (V1-6)', () => {
    expect(fastlane(new Broadcast('room:v', 'bin', Uint8Array.of(1)))).toBeNull()
  })
})
