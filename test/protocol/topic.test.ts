import fc from 'fast-check'
import { expect, it } from 'vitest'
import { UsageError } from '../../protocol/errors.ts'
import { matchTopic, parseTopicPattern, subtopic } from '../../protocol/topic.ts'
import { text } from '../helpers/arbitraries.ts'

it.each([
  { pattern: 'room:*', topic: 'room:lobby', rest: 'lobby' },
  { pattern: 'room:*', topic: 'room:', rest: '' },
  { pattern: 'room:*', topic: 'room:a:b', rest: 'a:b' },
  { pattern: 'room:*', topic: 'room:*', rest: '*' },
  { pattern: 'foo*', topic: 'foo', rest: '' },
  { pattern: 'foo*', topic: 'food:1', rest: 'd:1' },
  { pattern: '*', topic: '', rest: '' },
  { pattern: '*', topic: 'anything', rest: 'anything' },
  { pattern: 'bare', topic: 'bare', rest: '' },
])(
  'matches "$topic" with "$pattern" and returns the rest "$rest" (TOPIC-1, TOPIC-2)',
  ({ pattern, topic, rest }) => {
    const parsed = parseTopicPattern(pattern)
    expect(matchTopic(parsed, topic)).toBe(true)
    expect(subtopic(parsed, topic)).toBe(rest)
  },
)

it.each([
  { pattern: 'room:*', topic: 'room' },
  { pattern: 'room:*', topic: 'Room:lobby' },
  { pattern: 'room:*', topic: ' room:lobby' },
  { pattern: 'bare', topic: 'bare:1' },
  { pattern: 'bare', topic: 'bar' },
  { pattern: 'bare', topic: 'BARE' },
  { pattern: 'ro.m', topic: 'room' },
])('does not match "$topic" with "$pattern" (TOPIC-1)', ({ pattern, topic }) => {
  expect(matchTopic(parseTopicPattern(pattern), topic)).toBe(false)
})

it.each(['*:room', 'room:*:users', 'room:**', '**'])('refuses the pattern "%s" (TOPIC-1)', (pattern) => {
  expect(() => parseTopicPattern(pattern)).toThrow(
    new UsageError(
      'PHX_ERR_DEFINITION',
      `topic pattern must be a string with at most one "*", as its last character (got "${pattern}")`,
    ),
  )
})

it.each([
  ['room/:id', ':id'],
  ['room:{id}', '{id}'],
])('refuses the pattern "%s" of another router', (pattern, placeholder) => {
  expect(() => parseTopicPattern(pattern)).toThrow(
    `must be a string that can end with "*", but has no placeholder such as "${placeholder}" (got "${pattern}")`,
  )
})

it('refuses the empty pattern (TOPIC-1)', () => {
  expect(() => parseTopicPattern('')).toThrow(
    new UsageError('PHX_ERR_DEFINITION', 'topic pattern must be a non-empty string (got "")'),
  )
})

it('keeps a parsed pattern as constant data', () => {
  const parsed = parseTopicPattern('room:*')
  expect(parsed).toEqual({ pattern: 'room:*', prefix: 'room:', isWildcard: true })
  expect(parsed).toSatisfy(Object.isFrozen)
  expect(parseTopicPattern('bare')).toEqual({ pattern: 'bare', prefix: 'bare', isWildcard: false })
})

it('returns any rest behind any prefix (TOPIC-2)', () => {
  const legal = text.filter((prefix) => !/[*{}]|\/:/.test(prefix))
  fc.assert(
    fc.property(legal, text, (prefix, rest) => {
      const pattern = parseTopicPattern(`${prefix}*`)
      expect(matchTopic(pattern, prefix + rest)).toBe(true)
      expect(subtopic(pattern, prefix + rest)).toBe(rest)
    }),
  )
})
