import { expect, test, vi } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import {
  decodeBroadcast,
  decodeEchoed,
  decodeKept,
  encodeBroadcast,
  encodeEchoed,
} from '../../../server/redis/message.ts'

const ZERO_SEQ = '\0\0\0\0\0\0\0\0'
const bytes = (text: string) => Buffer.from(text, 'latin1')

test('writes the kind, three lengths, the seq, three texts and the payload', () => {
  const broadcast = new Broadcast('room:a', 'said', { n: 1 }, { from: 'n1:7' })
  expect(encodeBroadcast('n1', broadcast)).toEqual(
    bytes(`\x01\x02\0\x04\0\0\0\x04${ZERO_SEQ}n1n1:7said{"n":1}`),
  )
})

test('writes 65,535 if there is no sender, and another kind for bytes', () => {
  const broadcast = new Broadcast('room:a', 'e', new Uint8Array([0, 255]), { seq: 1 })
  expect(encodeBroadcast('n1', broadcast)).toEqual(
    bytes('\x02\x02\xff\xff\0\0\0\x01\x3f\xf0\0\0\0\0\0\0n1e\0\xff'),
  )
})

test('reads a message of another node, without parsing the payload', () => {
  const parse = vi.spyOn(JSON, 'parse')
  const broadcast = decodeBroadcast(
    'n2',
    'room:a',
    bytes(`\x01\x02\0\x04\0\0\0\x04${ZERO_SEQ}n1n1:7said{"n":1}`),
  )
  expect(broadcast).toMatchObject({ topic: 'room:a', event: 'said', from: 'n1:7', seq: 0, json: '{"n":1}' })
  expect(parse).not.toHaveBeenCalled()
  expect(broadcast?.payload).toEqual({ n: 1 })
  parse.mockRestore()
})

test('reads bytes, a broadcast without a sender, and one from the empty id', () => {
  const of = (from: string | null) =>
    decodeBroadcast(
      'n2',
      'room:a',
      encodeBroadcast('n1', new Broadcast('room:a', 'ü', Uint8Array.of(7), { from, seq: 9 })),
    )
  expect(of(null)).toMatchObject({ event: 'ü', from: null, seq: 9, payload: Buffer.of(7) })
  expect(of('')).toMatchObject({ from: '' })
})

test("skips this node's own messages, and kinds of a later version", () => {
  const message = encodeBroadcast('n1', new Broadcast('room:a', 'said', {}))
  expect(decodeBroadcast('n1', 'room:a', message)).toBeNull()
  message[0] = 3
  expect(decodeBroadcast('n2', 'room:a', message)).toBeNull()
  expect(decodeBroadcast('n2', 'room:a', Buffer.of())).toBeNull()
})

test('reads a kept message: its epoch, sequence number, time and broadcast', () => {
  const message = encodeBroadcast('', new Broadcast('room:a', 'said', { n: 1 }, { from: 'ann' }))
  const kept = Buffer.concat([bytes('1795923218802835713-57 1795987776401 '), message])
  const echoed = decodeEchoed('room:a', kept)
  expect(echoed).toMatchObject({ epoch: '1795923218802835713', at: 1_795_987_776_401 })
  expect(echoed?.broadcast).toMatchObject({ event: 'said', from: 'ann', seq: 57, json: '{"n":1}' })
  expect(decodeBroadcast('n2', 'room:a', kept)).toBeNull()
  expect(decodeKept(message, 57, 3)).toEqual({ seq: 57, at: 3, event: 'said', from: 'ann', json: '{"n":1}' })
})

test.each([{ n: 1 }, Uint8Array.of(1)])('reads a broadcast that is not kept, JSON or bytes', (payload) => {
  const message = encodeEchoed(new Broadcast('room:a', 'blinked', payload))
  expect(decodeEchoed('room:a', message)).toMatchObject({
    epoch: null,
    broadcast: { seq: 0, event: 'blinked' },
  })
  // A node of an earlier version drops it.
  expect(decodeBroadcast('n2', 'room:a', message)).toBeNull()
  expect(decodeEchoed('room:a', encodeBroadcast('n1', new Broadcast('room:a', 'said', payload)))).toBeNull()
})
