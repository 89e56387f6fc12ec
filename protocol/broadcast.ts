import { UsageError } from './errors.ts'
import { SEQ } from './events.ts'
import { encodePayload } from './json.ts'
import { bytesOf, notUnicode } from './payload.ts'
import type { Frame } from './serializer.ts'
import { checkFields } from './v2-binary.ts'

/** Optional parts of a broadcast. */
export type BroadcastOrigin = {
  /** Id of the subscriber that does not get the broadcast; null if all subscribers get it (BROADCAST-2). */
  readonly from?: string | null
  /** Place (sequence number) in the topic's history; 0 if the broadcast is not kept. */
  readonly seq?: number
  /** Payload as JSON text, if the payload is already encoded. */
  readonly json?: string
}

/**
 * One event for all subscribers of a topic. The payload is encoded once, in the constructor. A payload that arrived as
 * JSON text is parsed only when a channel reads it.
 */
export class Broadcast {
  readonly topic: string
  readonly event: string
  readonly from: string | null
  /** Place (sequence number) in the topic's history; 0 if the broadcast is not kept. */
  seq: number
  /** Payload as JSON text; null for a binary payload. */
  readonly json: string | null
  /** Encoded frames, by `Serializer.index`. Each frame is encoded once, when the broadcast is first delivered. */
  readonly frames: (Frame | null | undefined)[]
  #numbered: Broadcast | null
  #payload: unknown

  /**
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array` (FRAME-6).
   * @throws UsageError with `PHX_ERR_OPTION` when topic or event is not a string.
   */
  constructor(topic: string, event: string, payload: unknown, origin?: BroadcastOrigin) {
    if (typeof topic !== 'string' || typeof event !== 'string') throw nameless()
    this.topic = topic
    this.event = event
    this.from = origin?.from ?? null
    this.seq = origin?.seq ?? 0
    this.frames = []
    this.#numbered = null
    const bytes = bytesOf(payload)
    this.#payload = bytes ?? payload
    this.json = bytes === null ? (origin?.json ?? encodePayload(payload)) : null
    if (!topic.isWellFormed() || !event.isWellFormed()) throw notUnicode('topic or event')
    if (bytes !== null) checkFields({ topic, event })
  }

  /** Create a broadcast from a payload in JSON text. Does not check that the text is an object. */
  static fromJson(topic: string, event: string, json: string, origin?: BroadcastOrigin): Broadcast {
    return new Broadcast(topic, event, undefined, { ...origin, json })
  }

  /** Returns true if a value is a broadcast. Unlike `instanceof`, this check calls no trap of a proxy. */
  static is(value: unknown): value is Broadcast {
    return typeof value === 'object' && value !== null && #payload in value
  }

  /**
   * Copy of the broadcast for clients that asked for recovery: its payload also contains the place (`seq`), as the last
   * key (RECOVERY-5). The copy is created at the first use.
   */
  get numbered(): Broadcast {
    this.#numbered ??= Broadcast.fromJson(this.topic, this.event, withSeq(this.json ?? '{}', this.seq))
    return this.#numbered
  }

  /** Payload: an object or a `Uint8Array`. */
  get payload(): unknown {
    if (this.#payload === undefined && this.json !== null) this.#payload = JSON.parse(this.json)
    return this.#payload
  }
}

/**
 * Add the place as the last key of an object in JSON text. If the application's payload has the same key, parsers use
 * the last value, which is the place.
 */
function withSeq(json: string, seq: number): string {
  return `${json.slice(0, -1)}${json.length > 2 ? ',' : ''}"${SEQ}":${seq}}`
}

function nameless(): UsageError {
  return new UsageError('PHX_ERR_OPTION', 'the topic and the event of a broadcast must be strings')
}
