import { expect, test } from 'vitest'
import { readFrames } from '../../../server/transport/longpoll-frames.ts'

const NDJSON = 'application/x-ndjson'

/** The frames as text, or as the hex of a binary one. */
function read(contentType: string | undefined, body: string | Uint8Array, maxLines = 100): string[] {
  return readFrames(contentType, Buffer.from(body), maxLines).map(({ data, opcode }) =>
    opcode === 'text' ? Buffer.from(data).toString() : `bytes ${Buffer.from(data).toString('hex')}`,
  )
}

test.each([undefined, '', 'application/json', 'text/plain', 'application/x-ndjson2'])(
  'a body of the type %j is one text frame',
  (type) => {
    expect(read(type, '["a"]\n["b"]\n')).toEqual(['["a"]\n["b"]\n'])
    expect(read(type, '')).toEqual([''])
  },
)

test('each line of ndjson is a frame', () => {
  expect(read(NDJSON, '["a"]\n["b"]')).toEqual(['["a"]', '["b"]'])
  expect(read(NDJSON, '["a"]\r\n["b"]')).toEqual(['["a"]', '["b"]'])
})

test('ndjson may have parameters and any case', () => {
  expect(read('Application/X-NDJSON ; charset=UTF-8', '["a"]\n["b"]')).toEqual(['["a"]', '["b"]'])
})

test('empty lines are ignored', () => {
  expect(read(NDJSON, '')).toEqual([])
  expect(read(NDJSON, '\n\r\n["a"]\n\n["b"]\r\n\n')).toEqual(['["a"]', '["b"]'])
})

test('an object is a text frame of version 1', () => {
  expect(read(NDJSON, '{"topic":"t"}')).toEqual(['{"topic":"t"}'])
})

test('any other line is a binary frame in base64, of either alphabet, with or without padding', () => {
  expect(read(NDJSON, '["a"]\n+/8B\n-_8B\nAQ==\nAQ')).toEqual([
    '["a"]',
    'bytes fbff01',
    'bytes fbff01',
    'bytes 01',
    'bytes 01',
  ])
})

test('lines after the last allowed one are dropped', () => {
  expect(read(NDJSON, '[1]\n[2]\n[3]\n[4]', 2)).toEqual(['[1]', '[2]'])
  expect(read(NDJSON, '[1]\n\n[3]\n[4]', 3)).toEqual(['[1]', '[3]'])
})

test('text is not decoded, so that bytes that are not UTF-8 can be refused as a frame', () => {
  const [frame] = readFrames(NDJSON, Buffer.from([0x5b, 0xff, 0x5d]), 100)
  expect(frame).toEqual({ data: Buffer.from([0x5b, 0xff, 0x5d]), opcode: 'text' })
})
