import { rule } from '../../protocol/check.ts'

/** Rule that checks the engine option `prefix`. */
export const keyPrefix = rule(
  'a non-empty string without braces',
  (value) => typeof value === 'string' && value !== '' && !/[{}]/.test(value),
)

/**
 * Names of channels and keys in Redis. All names of one topic share one hash tag, and so one slot. Clients choose
 * topics, so the braces of a topic are percent-encoded; otherwise a client could choose the slot.
 */
export class Keys {
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  /** Redis channel of a topic's broadcasts. */
  topic(topic: string): string {
    // Redis ignores an empty hash tag. If the topic is empty, the word `topic` prevents an empty hash tag.
    return `${this.prefix}:{topic:${escapeBraces(topic)}}`
  }

  /**
   * Redis key for data of a topic, such as its history. In a Redis Cluster, the key has the same slot as the topic's
   * Redis channel.
   */
  ofTopic(topic: string, ...parts: readonly string[]): string {
    return this.topic(topic) + join(parts)
  }

  /** Name of a Redis key or channel of one node, such as the key of the node's lease. */
  node(nodeId: string, ...parts: readonly string[]): string {
    return `${this.prefix}:{node:${escapeBraces(nodeId)}}${join(parts)}`
  }

  /** Name of a Redis key or channel that all nodes of the cluster share. */
  of(...parts: readonly string[]): string {
    return this.prefix + join(parts)
  }
}

/** Join parts with colons. Colons inside a part are escaped, so the result is unambiguous. */
function join(parts: readonly string[]): string {
  return parts.map((part) => `:${escapeBraces(part).replaceAll(':', '%3A')}`).join('')
}

function escapeBraces(text: string): string {
  return text.replace(/[%{}]/g, (character) => ESCAPES[character] ?? character)
}

const ESCAPES: Readonly<Record<string, string>> = { '%': '%25', '{': '%7B', '}': '%7D' }
