/**
 * A reference chosen by the client and echoed as it came (FRAME-4). Every known client sends strings
 * or null; the server compares references and never reads them, so any JSON value is legal.
 */
export type Ref = unknown

/** What a client sends, and what a channel pushes to one client. */
export class Message {
  readonly joinRef: Ref
  readonly ref: Ref
  /** A string, except in a malformed message, which is answered `unmatched topic` (MESSAGE-5). */
  readonly topic: unknown
  /** A string, except in a malformed message, which no handler takes (MESSAGE-6). */
  readonly event: unknown
  /** Any JSON value, or a `Uint8Array` from or for a binary frame. */
  readonly payload: unknown
  /** Bytes of the received frame, as its transport counts them. */
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

/** The server's answer to one message of a client (FRAME-3). */
export class Reply {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: unknown
  /** `ok`, `error`, or a word of the application's own. */
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
