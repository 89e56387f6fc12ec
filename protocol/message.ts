/**
 * Reference chosen by the client and echoed unchanged (FRAME-4). Any JSON value within the limits of FRAME-7 is valid.
 * All known clients send strings or null.
 */
export type Ref = unknown

/** Message from a client, or push to one client. */
export class Message {
  readonly joinRef: Ref
  readonly ref: Ref
  /** Normally a string. If a client sends any other value, the reply is `unmatched topic` (MESSAGE-5). */
  readonly topic: unknown
  /** Normally a string. If a client sends any other value, no handler matches (MESSAGE-6). */
  readonly event: unknown
  /** Any JSON value, or a `Uint8Array` in a binary frame. */
  readonly payload: unknown
  /** Size of the received frame in bytes, as counted by the transport. */
  size: number

  constructor(joinRef: Ref, ref: Ref, topic: unknown, event: unknown, payload: unknown) {
    this.joinRef = joinRef
    this.ref = ref
    this.topic = topic
    this.event = event
    this.payload = payload
    this.size = 0
  }
}

/** Server's reply to one message of a client (FRAME-3). */
export class Reply {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: unknown
  /** `ok`, `error`, or a status of the application. */
  readonly status: string
  /** Any JSON value, or a `Uint8Array`. */
  readonly response: unknown

  constructor(joinRef: Ref, ref: Ref, topic: unknown, status: string, response: unknown) {
    this.joinRef = joinRef
    this.ref = ref
    this.topic = topic
    this.status = status
    this.response = response
  }
}
