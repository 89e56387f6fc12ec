import { expect, test } from 'vitest'
import { Broadcast, v1JsonSerializer, v2JsonSerializer } from '../../../protocol/index.ts'
import { dispatch, frameOf } from '../../../server/pubsub/fastlane.ts'
import type { Subscriber } from '../../../server/pubsub/pubsub.ts'

function listeners(...ids: string[]) {
  const heard: string[] = []
  const subscribers = new Set<Subscriber>(ids.map((id) => ({ id, receive: () => void heard.push(id) })))
  return { heard, subscribers }
}

test('delivers to every subscriber, in the order in which they subscribed', () => {
  const { heard, subscribers } = listeners('a', 'b', 'c')
  dispatch(subscribers, new Broadcast('room:a', 'said', {}))
  expect(heard).toEqual(['a', 'b', 'c'])
})

test('excludes the sender, and nobody else (BROADCAST-2)', () => {
  const { heard, subscribers } = listeners('a', 'b', 'c')
  dispatch(subscribers, new Broadcast('room:a', 'said', {}, { from: 'b' }))
  expect(heard).toEqual(['a', 'c'])
})

test('encodes a broadcast once per version, however many subscribers there are (BROADCAST-3)', () => {
  const broadcast = new Broadcast('room:a', 'said', { n: 1 })
  const frame = frameOf(broadcast, v2JsonSerializer)
  expect(frame?.data).toBe('[null,null,"room:a","said",{"n":1}]')
  expect(frameOf(broadcast, v2JsonSerializer)).toBe(frame)
  expect(frameOf(broadcast, v1JsonSerializer)?.data).toBe(
    '{"event":"said","payload":{"n":1},"ref":null,"topic":"room:a"}',
  )
})

test('remembers if a version cannot carry the broadcast (V1-6)', () => {
  let asked = 0
  const fastlane = () => {
    asked += 1
    return null
  }
  const counting = { ...v1JsonSerializer, fastlane }
  const broadcast = new Broadcast('room:a', 'bytes', new Uint8Array(1))
  expect([frameOf(broadcast, counting), frameOf(broadcast, counting), asked]).toEqual([null, null, 1])
})
