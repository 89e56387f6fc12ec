/** A parsed topic pattern: an exact topic, or a prefix that ends in `*` (TOPIC-1). */
export type TopicPattern = {
  readonly pattern: string
  /** What a topic begins with; the whole topic if the pattern is exact. */
  readonly prefix: string
  readonly isWildcard: boolean
}

/** Parse `room:*` or `room:lobby`. @throws TypeError when it is empty or `*` is not at its end. */
export function parseTopicPattern(pattern: string): TopicPattern {
  const star = pattern.indexOf('*')
  if (pattern === '') throw new TypeError('a topic pattern is not empty')
  if (star !== -1 && star !== pattern.length - 1) {
    throw new TypeError(`bad topic pattern "${pattern}": "*" is allowed once, as the last character`)
  }
  const isWildcard = star !== -1
  return Object.freeze({ pattern, prefix: isWildcard ? pattern.slice(0, -1) : pattern, isWildcard })
}

/** True if the topic fits; a wildcard also matches the empty rest (TOPIC-2). */
export function matchTopic(pattern: TopicPattern, topic: string): boolean {
  return pattern.isWildcard ? topic.startsWith(pattern.prefix) : topic === pattern.prefix
}

/** The part of the topic that the wildcard stands for: `lobby` of `room:lobby`; '' if exact. */
export function subtopic(pattern: TopicPattern, topic: string): string {
  return topic.slice(pattern.prefix.length)
}
