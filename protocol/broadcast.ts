import { UsageError } from './errors.ts'
import { SEQ } from './events.ts'
import { encodePayload } from './json.ts'
import { bytesOf, notUnicode } from './payload.ts'
import type { Frame } from './serializer.ts'
import { checkFields } from './v2-binary.ts'

/** What carries a broadcast besides its topic, event and payload. */
export type BroadcastOrigin = {
  /** The subscriber that is left out, or null (BROADCAST-2). */
  readonly from?: string | null
  /** Its place in the topic's history; 0 = none. */
  readonly seq?: number
  /** The payload's JSON text, where it is known already. */
  readonly json?: string
}

/**
 * One event for all subscribers of a topic. The payload is encoded once, when the broadcast is made;
 * one that arrived as JSON text is parsed only if a channel asks for the value.
 */
export class Broadcast {
  readonly topic: string
  readonly event: string
  readonly from: string | null
  /** Its place in the topic's history; 0 = none. */
  seq: number
  /** The payload's JSON text; null if it travels as bytes. */
  readonly json: string | null
  /** Its frames by the serializers' index; each is made at dispatch, once. */
  readonly frames: (Frame | null | undefined)[]
  #numbered: Broadcast | null
  #payload: unknown

  /**
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array` (FRAME-6).
   * @throws UsageError with `PHX_ERR_OPTION` when topic or event is no string.
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

  /** A broadcast whose payload arrived as JSON text, which is trusted to be an object. */
  static fromJson(topic: string, event: string, json: string, origin?: BroadcastOrigin): Broadcast {
    return new Broadcast(topic, event, undefined, { ...origin, json })
  }

  /** Unlike `instanceof` it runs nothing of the value's own, which may be a proxy. */
  static is(value: unknown): value is Broadcast {
    return typeof value === 'object' && value !== null && #payload in value
  }

  /** The same with its place as the last key of its payload, for clients that asked; made once (RECOVERY-5). */
  get numbered(): Broadcast {
    this.#numbered ??= Broadcast.fromJson(this.topic, this.event, withSeq(this.json ?? '{}', this.seq))
    return this.#numbered
  }

  /** An object, or a `Uint8Array`. */
  get payload(): unknown {
    if (this.#payload === undefined && this.json !== null) this.#payload = JSON.parse(this.json)
    return this.#payload
  }
}

/** JSON text of an object with its place as the last key, which wins over one of the application's. */
function withSeq(json: string, seq: number): string {
  return `${json.slice(0, -1)}${json.length > 2 ? ',' : ''}"${SEQ}":${seq}}`
}

function nameless(): UsageError {
  return new UsageError('PHX_ERR_OPTION', 'the topic and the event of a broadcast must be strings')
}
