import { rule } from '../../protocol/check.ts'

/** The option `prefix` of an engine. */
export const keyPrefix = rule(
  'a non-empty string without braces',
  (value) => typeof value === 'string' && value !== '' && !/[{}]/.test(value),
)

/**
 * The names of channels and keys in Redis. Topics are client text: their braces are percent-encoded, so
 * that they cannot choose a slot, and all names of one topic share one hash tag, and so one slot.
 */
export class Keys {
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  /** The channel of a topic's broadcasts. */
  topic(topic: string): string {
    // Never empty, as an empty hash tag is none.
    return `${this.prefix}:{topic:${escapeBraces(topic)}}`
  }

  /** What else there is of a topic, in the slot of its channel. */
  ofTopic(topic: string, ...parts: readonly string[]): string {
    return this.topic(topic) + join(parts)
  }

  /** What belongs to one node: its channel, its lease. */
  node(nodeId: string, ...parts: readonly string[]): string {
    return `${this.prefix}:{node:${escapeBraces(nodeId)}}${join(parts)}`
  }

  /** What belongs to the whole cluster. */
  of(...parts: readonly string[]): string {
    return this.prefix + join(parts)
  }
}

/** Unambiguous: a part's own colons are escaped. */
function join(parts: readonly string[]): string {
  return parts.map((part) => `:${escapeBraces(part).replaceAll(':', '%3A')}`).join('')
}

function escapeBraces(text: string): string {
  return text.replace(/[%{}]/g, (character) => ESCAPES[character] ?? character)
}

const ESCAPES: Readonly<Record<string, string>> = { '%': '%25', '{': '%7B', '}': '%7D' }
