import { describe, expect, it } from 'vitest'
import { Broadcast } from '../../protocol/broadcast.ts'
import { Frame } from '../../protocol/serializer.ts'
import { v1JsonSerializer } from '../../protocol/v1-json-serializer.ts'
import { v2JsonSerializer } from '../../protocol/v2-json-serializer.ts'

it('has no sender, no sequence number in a history and no frames by default (BROADCAST-2)', () => {
  const broadcast = new Broadcast('room:lobby', 'new_msg', { body: 'hi' })
  expect(broadcast).toMatchObject({ topic: 'room:lobby', event: 'new_msg', from: null, seq: 0, frames: [] })
})

it('keeps its sender (BROADCAST-2)', () => {
  expect(new Broadcast('t', 'e', {}, { from: 'subscriber-1', seq: 7 })).toMatchObject({
    from: 'subscriber-1',
    seq: 7,
  })
  expect(Broadcast.fromJson('t', 'e', '{}', { from: 'subscriber-1', seq: 7 })).toMatchObject({
    from: 'subscriber-1',
    seq: 7,
  })
})

it('keeps frames by the index of their serializers (BROADCAST-3)', () => {
  const broadcast = new Broadcast('t', 'e', {})
  const frame = new Frame('text', '[]')
  broadcast.frames[v2JsonSerializer.index] = frame
  expect(broadcast.frames[v2JsonSerializer.index]).toBe(frame)
  expect(broadcast.frames[v1JsonSerializer.index]).toBeUndefined()
})

describe('with a value as payload', () => {
  it('encodes the JSON text once, however many versions and readers use it (BROADCAST-3)', () => {
    let calls = 0
    const payload = {
      toJSON() {
        calls += 1
        return { body: 'hi' }
      },
    }
    const broadcast = new Broadcast('room:lobby', 'new_msg', payload)
    expect(broadcast.json).toBe('{"body":"hi"}')
    expect(v1JsonSerializer.fastlane(broadcast)?.data).toContain(broadcast.json)
    expect(v2JsonSerializer.fastlane(broadcast)?.data).toContain(broadcast.json)
    expect(calls).toBe(1)
  })

  it('returns the value itself', () => {
    const payload = { body: 'hi' }
    expect(new Broadcast('t', 'e', payload).payload).toBe(payload)
  })

  it.each([[[1]], ['text'], [null], [undefined], [7]])(
    'refuses %j, which is not an object (FRAME-6)',
    (payload) => {
      expect(() => new Broadcast('t', 'e', payload)).toThrow(
        expect.objectContaining({ name: 'ProtocolError', code: 'PHX_ERR_PAYLOAD_TYPE' }),
      )
    },
  )
})

describe('with JSON text as payload', () => {
  it('sends the text unchanged, without parsing it (BROADCAST-3)', () => {
    const broadcast = Broadcast.fromJson('t', 'e', '{"n":12345678901234567890}')
    expect(v2JsonSerializer.fastlane(broadcast)?.data).toBe('[null,null,"t","e",{"n":12345678901234567890}]')
    expect(Broadcast.fromJson('t', 'e', 'not parsed').json).toBe('not parsed')
  })

  it('parses the text once, when the value is read', () => {
    const broadcast = Broadcast.fromJson('t', 'e', '{"body":"hi"}')
    expect(broadcast.payload).toEqual({ body: 'hi' })
    expect(broadcast.payload).toBe(broadcast.payload)
  })
})

describe('with bytes as payload', () => {
  it('has no JSON text (BROADCAST-4)', () => {
    const bytes = Uint8Array.of(1, 2)
    const broadcast = new Broadcast('t', 'e', bytes)
    expect(broadcast.json).toBeNull()
    expect(broadcast.payload).toBe(bytes)
  })

  it('accepts a Buffer as bytes (BROADCAST-4)', () => {
    expect(new Broadcast('t', 'e', Buffer.from([1, 2])).json).toBeNull()
  })
})
