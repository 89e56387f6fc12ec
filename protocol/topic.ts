import { checkDefinition, faultOf, nonEmptyString, type Rule, rule } from './check.ts'
import { UsageError } from './errors.ts'

/** Parsed topic pattern: an exact topic, or a prefix followed by `*` (TOPIC-1). */
export type TopicPattern = {
  readonly pattern: string
  /** Prefix of matching topics; the whole topic if the pattern is exact. */
  readonly prefix: string
  readonly isWildcard: boolean
}

/** Placeholder in the syntax of HTTP routers: `:id` after a slash, or `{id}`. Topic patterns have no placeholders. */
const PLACEHOLDER = /(?<=\/):\w+|\{\w*\}/

/** Rule for a topic pattern: `*` is allowed once, as the last character; placeholders are not allowed. */
export const topicPattern: Rule = (value) => {
  const fault = nonEmptyString(value)
  if (fault !== null) return fault
  const [placeholder] = PLACEHOLDER.exec(String(value)) ?? []
  if (placeholder !== undefined)
    return faultOf(`a string that can end with "*", but has no placeholder such as "${placeholder}"`, value)
  const star = String(value).indexOf('*')
  const isLegal = star === -1 || star === String(value).length - 1
  return isLegal ? null : faultOf('a string with at most one "*", as its last character', value)
}

/**
 * Parse `room:*` or `room:lobby`.
 * @throws UsageError with `PHX_ERR_DEFINITION` when the pattern is not a string, is empty, has a `*` before its last
 * character, or has a placeholder such as `:id`.
 */
export function parseTopicPattern(pattern: string): TopicPattern {
  checkDefinition('topic pattern', pattern, topicPattern)
  return Object.freeze(parsed(pattern))
}

function parsed(pattern: string): TopicPattern {
  const isWildcard = pattern.endsWith('*')
  return { pattern, prefix: isWildcard ? pattern.slice(0, -1) : pattern, isWildcard }
}

/**
 * Returns true if a topic matches a pattern. A wildcard also matches the empty string (TOPIC-2).
 * @throws UsageError with `PHX_ERR_OPTION` when the topic is not a string, or the pattern is not a result of
 * `parseTopicPattern`.
 */
export function matchTopic(pattern: TopicPattern, topic: string): boolean {
  if (typeof topic !== 'string' || !isPattern(pattern)) throw illegalArgument('matchTopic')
  return pattern.isWildcard ? topic.startsWith(pattern.prefix) : topic === pattern.prefix
}

/**
 * Part of a topic that the wildcard matches: `lobby` of `room:lobby`; '' for an exact pattern.
 * @throws UsageError with `PHX_ERR_OPTION` when the topic is not a string, or the pattern is not a result of
 * `parseTopicPattern`.
 */
export function subtopic(pattern: TopicPattern, topic: string): string {
  if (typeof topic !== 'string' || !isPattern(pattern)) throw illegalArgument('subtopic')
  return topic.slice(pattern.prefix.length)
}

/** Whether a value is a topic that matches a contract's topic pattern. `pattern` must be valid. */
export function isTopicOf(pattern: string, value: unknown): boolean {
  return typeof value === 'string' && matchTopic(parsed(pattern), value)
}

/** Rule that accepts only topics that match a contract's topic pattern. `pattern` must be valid. */
export function topicRule(pattern: string): Rule {
  return rule(`a string that matches the contract's topic "${pattern}"`, (value) => isTopicOf(pattern, value))
}

function isPattern(value: TopicPattern): boolean {
  return typeof value === 'object' && value !== null && typeof value.prefix === 'string'
}

function illegalArgument(call: string): UsageError {
  const requirements = '`pattern` must be a result of parseTopicPattern, and `topic` must be a string'
  return new UsageError('PHX_ERR_OPTION', `${call}(pattern, topic): ${requirements}`)
}
