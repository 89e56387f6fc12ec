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
  /** Sequence number of the broadcast in the topic's history; 0 if the broadcast is not kept. */
  readonly seq?: number
  /** Payload as JSON text, if the payload is already encoded. */
  readonly json?: string
}

/**
 * One event for all subscribers of a topic. The payload is encoded once, in the constructor. A payload that is passed
 * as JSON text is parsed only when `payload` is read.
 */
export class Broadcast {
  readonly topic: string
  readonly event: string
  readonly from: string | null
  /** Sequence number of the broadcast in the topic's history; 0 if the broadcast is not kept. */
  seq: number
  /** Payload as JSON text; null for a binary payload. */
  readonly json: string | null
  /**
   * One encoded frame per serializer, at the position `Serializer.index`. A frame is undefined until the serializer has
   * encoded the broadcast, and null if the serializer does not support the payload.
   */
  readonly frames: (Frame | null | undefined)[]
  #numbered: Broadcast | null
  #payload: unknown

  /**
   * @throws ProtocolError when the payload is neither a JSON object nor bytes (FRAME-6), or when topic or event cannot
   * be encoded.
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
    if (!topic.isWellFormed()) throw notUnicode('the topic of a broadcast')
    if (!event.isWellFormed()) throw notUnicode('the event of a broadcast')
    if (bytes !== null) checkFields({ topic, event })
  }

  /** Create a broadcast from a payload in JSON text. Does not check that the text contains a JSON object. */
  static fromJson(topic: string, event: string, json: string, origin?: BroadcastOrigin): Broadcast {
    return new Broadcast(topic, event, undefined, { ...origin, json })
  }

  /** Returns true if a value is a broadcast. Unlike `instanceof`, this check calls no trap of a proxy. */
  static is(value: unknown): value is Broadcast {
    return typeof value === 'object' && value !== null && #payload in value
  }

  /**
   * Copy of the broadcast for clients that asked for recovery. The copy's payload also contains the sequence number, as
   * the last key, `_seq` (RECOVERY-5). The copy is created when this property is first read.
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
 * Add the sequence number to an object in JSON text, as the last key, `_seq`. If the application's payload also has
 * this key, parsers use the last value, which is the sequence number.
 */
function withSeq(json: string, seq: number): string {
  return `${json.slice(0, -1)}${json.length > 2 ? ',' : ''}"${SEQ}":${seq}}`
}

function nameless(): UsageError {
  return new UsageError('PHX_ERR_OPTION', 'the topic and the event of a broadcast must be strings')
}
