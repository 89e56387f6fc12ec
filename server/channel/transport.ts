import type { Frame, Opcode } from '../../protocol/index.ts'

/**
 * Reason for the end of a connection. The `terminate` callback of each of its channels gets `shutdown(reason)` (END-4).
 */
export type ClosedReason = 'closed' | 'disconnected' | 'draining' | 'expired' | 'inactive'

/** Party that ended a connection. */
export type ClosedBy = 'client' | 'server'

/** Interface through which a socket uses its transport (WebSocket or long-poll). */
export interface Transport {
  /** `websocket` or `longpoll`. */
  readonly name: string
  /** Number of bytes that were passed to `send` and are not sent yet. */
  readonly bufferedAmount: number
  /** Send one frame, after all earlier frames. Does nothing after a close. */
  send(frame: Frame): void
  /** Close the connection once all frames passed to `send` earlier have been sent. Does nothing after a close. */
  close(code: number, reason?: string): void
  /** Stop reading from the client until `resume` is called. */
  pause(): void
  resume(): void
  /**
   * Close the connection if the client has been silent too long. Called periodically; `now` is the current time in
   * milliseconds, and `late` is the delay of this call in milliseconds. No bytes could be read during the delay, so
   * `late` is added to the deadlines.
   */
  sweep(now: number, late: number): void
}

/** Interface through which a transport uses its socket. */
export interface SocketHandler {
  /**
   * Handle a whole frame from the client. `size` is its number of bytes; default: the length of `data`. Never throws.
   */
  receive(data: string | Uint8Array, opcode: Opcode, size?: number): void
  /** Handle a ping or pong of the transport, which counts as a heartbeat. Never throws. */
  pinged(): void
  /** Called once when the connection has ended. `code` and `by` are for telemetry; both may be missing. */
  closed(reason: ClosedReason, code?: number, by?: ClosedBy): void
}
