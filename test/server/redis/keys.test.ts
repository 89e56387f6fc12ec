import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Keys, keyPrefix } from '../../../server/redis/keys.ts'
import { slotOf } from '../../../server/redis/slot.ts'

const keys = new Keys('phx')

test('all names begin with the prefix', () => {
  expect(keys.topic('room:lobby')).toBe('phx:{topic:room:lobby}')
  expect(keys.ofTopic('room:lobby', 'presence', 'Users')).toBe('phx:{topic:room:lobby}:presence:Users')
  expect(keys.node('n1')).toBe('phx:{node:n1}')
  expect(keys.node('n1', 'lease')).toBe('phx:{node:n1}:lease')
  expect(keys.of('claim', 'tick', '1000')).toBe('phx:claim:tick:1000')
})

test('a topic cannot choose a slot, because its braces and percent signs are encoded', () => {
  expect(keys.topic('{a}%7D')).toBe('phx:{topic:%7Ba%7D%257D}')
  expect(keys.topic('')).toBe('phx:{topic:}')
})

test('all names of one topic are in one slot, whatever the topic', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (topic, part) => {
      expect(slotOf(keys.ofTopic(topic, part, 'x'))).toBe(slotOf(keys.topic(topic)))
    }),
  )
})

test('different topics never have equal names', () => {
  expect(keys.of('a:b', 'c')).not.toBe(keys.of('a', 'b:c'))
  expect(keys.of('a%3Ab')).not.toBe(keys.of('a:b'))
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      if (one !== other) expect(keys.topic(one)).not.toBe(keys.topic(other))
    }),
  )
})

test('an empty prefix, or one with braces, is refused', () => {
  for (const prefix of ['', '{a}', 'a}']) {
    expect(keyPrefix(prefix)?.words).toBe(`must be a non-empty string without braces (got "${prefix}")`)
  }
})
