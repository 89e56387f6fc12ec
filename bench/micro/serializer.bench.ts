import { bench, describe } from 'vitest'
import { Broadcast, Message, Reply, v1JsonSerializer, v2JsonSerializer } from '../../protocol/index.ts'

const payload = { body: 'x'.repeat(64) }
const bytes = new Uint8Array(64)
const v2Text = JSON.stringify(['1', '2', 'room:lobby', 'new_msg', payload])
const v1Text = JSON.stringify({ topic: 'room:lobby', event: 'new_msg', payload, ref: '2' })
const v2Push = Buffer.from('0001010a073132726f6f6d3a6c6f6262796e65775f6d7367'.padEnd(200, '0'), 'hex')

describe('decode a message of 64 characters', () => {
  bench('version 2', () => void v2JsonSerializer.decode(v2Text, 'text'))
  bench('version 2, binary', () => void v2JsonSerializer.decode(v2Push, 'binary'))
  bench('version 1', () => void v1JsonSerializer.decode(v1Text, 'text'))
  bench('JSON.parse alone', () => void JSON.parse(v2Text))
})

describe('encode a reply and a push', () => {
  const reply = new Reply('1', '2', 'room:lobby', 'ok', payload)
  const push = new Message('1', null, 'room:lobby', 'new_msg', payload)
  bench('reply, version 2', () => void v2JsonSerializer.encode(reply))
  bench('push, version 2', () => void v2JsonSerializer.encode(push))
  bench('push of bytes, version 2', () => {
    v2JsonSerializer.encode(new Message('1', null, 'room:lobby', 'new_msg', bytes))
  })
  bench('reply, version 1', () => void v1JsonSerializer.encode(reply))
  bench('JSON.stringify alone', () => void JSON.stringify(payload))
})

describe('make a broadcast and its frame', () => {
  bench('version 2', () => void v2JsonSerializer.fastlane(new Broadcast('room:lobby', 'new_msg', payload)))
  bench('version 1', () => void v1JsonSerializer.fastlane(new Broadcast('room:lobby', 'new_msg', payload)))
})
