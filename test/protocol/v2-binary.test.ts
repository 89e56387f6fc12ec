import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../protocol/errors.ts'
import { decodePush, encodeBinary, KIND_BROADCAST, KIND_PUSH, KIND_REPLY } from '../../protocol/v2-binary.ts'
import * as arbitrary from '../helpers/arbitraries.ts'
import { hex, recorded } from '../helpers/vectors.ts'

const failing = (code: string) => expect.objectContaining({ name: 'ProtocolError', code })

describe('decodePush', () => {
  it.each(recorded.clientPush)('reads the recorded push $message.event (BINARY-2)', ({ frame, message }) => {
    const { data, ...fields } = message
    expect(decodePush(hex(frame))).toEqual(expect.objectContaining({ ...fields, payload: hex(data) }))
  })

  it('reads empty fields as empty text, not as null (BINARY-2)', () => {
    expect(decodePush(hex('00 00 00 00 00'))).toEqual(
      expect.objectContaining({ joinRef: '', ref: '', topic: '', event: '', payload: new Uint8Array() }),
    )
  })

  it('counts lengths in bytes of UTF-8 (BINARY-2)', () => {
    const message = decodePush(hex('00 00 01 07 04  31 c3a9 3a f09f9880 e282ac21  ff'))
    expect(message).toEqual(
      expect.objectContaining({ joinRef: '', ref: '1', topic: 'é:😀', event: '€!', payload: hex('ff') }),
    )
  })

  it('keeps a byte order mark as part of the field (BINARY-2)', () => {
    expect(decodePush(hex('00 00 00 04 00  efbbbf 61')).topic).toBe('\ufeffa')
  })

  it('reads fields of 255 bytes (BINARY-2)', () => {
    const field = '61'.repeat(255)
    const { joinRef, ref, topic, event, payload } = decodePush(hex(`00 ff ff ff ff ${field.repeat(4)} 07`))
    for (const name of [joinRef, ref, topic, event]) expect(name).toBe('a'.repeat(255))
    expect(payload).toEqual(hex('07'))
  })

  it('copies the payload, because a transport may reuse its memory (BINARY-2)', () => {
    const bytes = Buffer.from(hex('00 01 01 01 01  31 32 74 65  010203'))
    const { payload } = decodePush(bytes)
    bytes.fill(0xee)
    expect(payload).toEqual(hex('010203'))
    expect(Object.getPrototypeOf(payload)).toBe(Uint8Array.prototype)
    expect((payload as Uint8Array).buffer.byteLength).toBe(3)
  })

  it('reads a frame inside a larger buffer (BINARY-2)', () => {
    const bytes = hex('ffff 00 01 01 01 01 31 32 74 65 0102 ffff').subarray(2, 13)
    expect(decodePush(bytes).payload).toEqual(hex('0102'))
  })

  it.each(Array.from({ length: 21 }, (_, length) => ({ length })))(
    'refuses a push that is cut after $length of its 21 bytes (BINARY-5)',
    ({ length }) => {
      const whole = hex('00 01 01 06 08  31 32 726f6f6d3a6d 7265706c7962696e')
      expect(() => decodePush(whole.subarray(0, length))).toThrow(failing('PHX_ERR_FRAME_TRUNCATED'))
    },
  )

  it.each([1, 2, 3, 0x5b, 255])('refuses the kind %i, which clients do not send (BINARY-5)', (kind) => {
    expect(() => decodePush(Uint8Array.of(kind, 0, 0, 0, 0))).toThrow(failing('PHX_ERR_FRAME_KIND'))
  })

  it.each([
    { field: 'join_ref', frame: '00 01 00 00 00  ff' },
    { field: 'ref', frame: '00 00 01 00 00  c3' },
    { field: 'topic', frame: '00 00 00 01 00  e9' },
    { field: 'event', frame: '00 00 00 00 03  eda080' },
    { field: 'topic', frame: '00 00 00 01 01  c3 a9' },
  ])('refuses a $field that is not UTF-8: $frame (BINARY-5)', ({ frame }) => {
    expect(() => decodePush(hex(frame))).toThrow(failing('PHX_ERR_FRAME_SHAPE'))
  })

  it('throws only ProtocolErrors, whatever the bytes (BINARY-5)', () => {
    const lengths = fc.array(fc.nat({ max: 9 }), { minLength: 4, maxLength: 4 })
    const nearlyPush = fc
      .tuple(lengths, fc.uint8Array())
      .map(([header, rest]) => Uint8Array.of(0, ...header, ...rest))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), nearlyPush), (bytes) => {
        try {
          const { payload } = decodePush(bytes)
          expect(payload).toBeInstanceOf(Uint8Array)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('encodeBinary', () => {
  it.each(recorded.serverPush)('writes the recorded push $message.event (BINARY-3)', ({ frame, message }) => {
    const { joinRef, topic, event, data } = message
    expect(encodeBinary(KIND_PUSH, { joinRef, topic, event }, hex(data))).toEqual(hex(frame))
  })

  it.each(recorded.serverReply)(
    'writes the recorded reply on $message.topic (BINARY-3)',
    ({ frame, message }) => {
      const { joinRef, ref, topic, status, data } = message
      expect(encodeBinary(KIND_REPLY, { joinRef, ref, topic, status }, hex(data))).toEqual(hex(frame))
    },
  )

  it.each(recorded.serverBroadcast)(
    'writes the recorded broadcast $message.event (BINARY-3)',
    ({ frame, message }) => {
      const { topic, event, data } = message
      expect(encodeBinary(KIND_BROADCAST, { topic, event }, hex(data))).toEqual(hex(frame))
    },
  )

  it('writes null as an empty field (BINARY-4)', () => {
    expect(encodeBinary(KIND_PUSH, { joinRef: null, topic: 't', event: 'e' }, hex('07'))).toEqual(
      hex('00 00 01 01  74 65  07'),
    )
  })

  it('writes lengths in bytes of UTF-8 (BINARY-3)', () => {
    expect(encodeBinary(KIND_BROADCAST, { topic: 'é:😀', event: '€' }, new Uint8Array())).toEqual(
      hex('02 07 03  c3a93af09f9880 e282ac'),
    )
  })

  it.each([
    { name: 'ASCII', fits: 'a'.repeat(255), exceeds: 'a'.repeat(256) },
    { name: 'two-byte', fits: `a${'é'.repeat(127)}`, exceeds: 'é'.repeat(128) },
    { name: 'four-byte', fits: '😀'.repeat(63), exceeds: '😀'.repeat(64) },
  ])('writes a $name topic of up to 255 bytes, and refuses a longer one (BINARY-4)', ({ fits, exceeds }) => {
    const size = new TextEncoder().encode(fits).length
    expect(encodeBinary(KIND_BROADCAST, { topic: fits, event: '' }, hex('07')).slice(0, 3)).toEqual(
      Uint8Array.of(2, size, 0),
    )
    expect(() => encodeBinary(KIND_BROADCAST, { topic: exceeds, event: '' }, hex('07'))).toThrow(
      new ProtocolError(
        'PHX_ERR_FIELD_TOO_LONG',
        `topic of a binary frame must have at most 255 bytes (got 256: ${exceeds})`,
      ),
    )
  })

  it.each([7, true, {}, ['t']])(
    'refuses the field %j, which is neither text nor null (BINARY-4)',
    (topic) => {
      expect(() => encodeBinary(KIND_BROADCAST, { topic, event: 'e' }, new Uint8Array())).toThrow(
        failing('PHX_ERR_PAYLOAD_TYPE'),
      )
    },
  )

  it('copies the payload (BINARY-3)', () => {
    const data = hex('010203')
    const frame = encodeBinary(KIND_BROADCAST, { topic: 't', event: 'e' }, data)
    data.fill(0xee)
    expect(frame).toEqual(hex('02 01 01 74 65 010203'))
  })
})

it('writes frames in the layout of a client that can be decoded (BINARY-2)', () => {
  const { shortText, bytes } = arbitrary
  fc.assert(
    fc.property(shortText, shortText, shortText, shortText, bytes, (joinRef, ref, topic, event, payload) => {
      const frame = encodeBinary(KIND_PUSH, { joinRef, ref, topic, event }, payload)
      expect(decodePush(frame)).toEqual(expect.objectContaining({ joinRef, ref, topic, event, payload }))
    }),
  )
})
