import { checkDefinition, faultOf, nonEmptyString, type Rule } from './check.ts'
import { UsageError } from './errors.ts'

/** A parsed topic pattern: an exact topic, or a prefix that ends in `*` (TOPIC-1). */
export type TopicPattern = {
  readonly pattern: string
  /** What a topic begins with; the whole topic if the pattern is exact. */
  readonly prefix: string
  readonly isWildcard: boolean
}

/** A topic pattern: `*` may stand once, at its end. */
export const topicPattern: Rule = (value) => {
  const fault = nonEmptyString(value)
  if (fault !== null) return fault
  const star = String(value).indexOf('*')
  const isLegal = star === -1 || star === String(value).length - 1
  return isLegal ? null : faultOf('a topic with at most one "*", as its last character', value)
}

/**
 * Parse `room:*` or `room:lobby`.
 * @throws UsageError with `PHX_ERR_DEFINITION` when it is no string, empty, or `*` is not at its end.
 */
export function parseTopicPattern(pattern: string): TopicPattern {
  checkDefinition('topic pattern', pattern, topicPattern)
  const isWildcard = pattern.endsWith('*')
  return Object.freeze({ pattern, prefix: isWildcard ? pattern.slice(0, -1) : pattern, isWildcard })
}

/** True if the topic fits; a wildcard also matches the empty rest (TOPIC-2). @throws UsageError for no pattern. */
export function matchTopic(pattern: TopicPattern, topic: string): boolean {
  if (typeof topic !== 'string' || !isPattern(pattern)) throw illegalArgument('matchTopic')
  return pattern.isWildcard ? topic.startsWith(pattern.prefix) : topic === pattern.prefix
}

/**
 * The part of the topic that the wildcard stands for: `lobby` of `room:lobby`; '' if exact.
 * @throws UsageError for no pattern.
 */
export function subtopic(pattern: TopicPattern, topic: string): string {
  if (typeof topic !== 'string' || !isPattern(pattern)) throw illegalArgument('subtopic')
  return topic.slice(pattern.prefix.length)
}

function isPattern(value: TopicPattern): boolean {
  return typeof value === 'object' && value !== null && typeof value.prefix === 'string'
}

function illegalArgument(call: string): UsageError {
  const legal = 'must be the result of parseTopicPattern and a string'
  return new UsageError('PHX_ERR_OPTION', `the arguments of ${call}() ${legal}`)
}
