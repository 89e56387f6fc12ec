import { encodePayload } from './json.ts'
import type { Frame } from './serializer.ts'

/** What carries a broadcast besides its topic, event and payload. */
export type BroadcastOrigin = {
  /** The subscriber that is left out, or null (BROADCAST-2). */
  readonly from?: string | null
  /** Its place in the topic's history; 0 = none. */
  readonly seq?: number
}

/**
 * One event for all subscribers of a topic. The payload is kept as a value, as its JSON text, or both:
 * each form is made from the other once, when somebody first asks for it.
 */
export class Broadcast {
  readonly topic: string
  readonly event: string
  readonly from: string | null
  readonly seq: number
  /** Its frames by the serializers' index; each is made at dispatch, once. */
  readonly frames: (Frame | null | undefined)[]
  #payload: unknown
  #json: string | null

  constructor(topic: string, event: string, payload: unknown, origin?: BroadcastOrigin) {
    this.topic = topic
    this.event = event
    this.from = origin?.from ?? null
    this.seq = origin?.seq ?? 0
    this.frames = []
    this.#payload = payload
    this.#json = null
  }

  /** A broadcast whose payload arrived as JSON text; it is parsed only if a channel asks for it. */
  static fromJson(topic: string, event: string, json: string, origin?: BroadcastOrigin): Broadcast {
    const broadcast = new Broadcast(topic, event, undefined, origin)
    broadcast.#json = json
    return broadcast
  }

  /** An object, or a `Uint8Array` (FRAME-6). */
  get payload(): unknown {
    if (this.#payload === undefined && this.#json !== null) this.#payload = JSON.parse(this.#json)
    return this.#payload
  }

  /** The payload's JSON text. @throws ProtocolError when the payload is not an object (FRAME-6). */
  get json(): string {
    this.#json ??= encodePayload(this.#payload)
    return this.#json
  }

  /** True if the payload travels as bytes and has no JSON text. */
  get isBinary(): boolean {
    return this.#payload instanceof Uint8Array
  }
}
