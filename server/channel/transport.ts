import type { Frame, Opcode } from '../../protocol/index.ts'

/** Why a connection ended; channels' `terminate` gets it as `shutdown(reason)` (END-4). */
export type ClosedReason = 'closed' | 'disconnected' | 'draining' | 'expired' | 'inactive'

/** Which side ended a connection. */
export type ClosedBy = 'client' | 'server'

/** What a connection offers to the socket above it. */
export interface Transport {
  /** `websocket` or `longpoll`. */
  readonly name: string
  /** Bytes accepted but not yet taken by the network. */
  readonly bufferedAmount: number
  /** Send one frame, in order, in this turn of the event loop. Does nothing once closed. */
  send(frame: Frame): void
  /** End the connection after what was sent before. Does nothing once closed. */
  close(code: number, reason?: string): void
  /** Stop reading from the client until `resume`. */
  pause(): void
  resume(): void
  /**
   * The shared clock's tick, in ms: end the connection if the client has been silent too long. The tick came
   * `late` by so many ms, in which nothing could be read: deadlines move by as much.
   */
  sweep(now: number, late: number): void
}

/** What a socket offers to the connection below it. */
export interface SocketHandler {
  /** One whole frame came from the client, of `size` bytes, if that is not its length. Never throws. */
  receive(data: string | Uint8Array, opcode: Opcode, size?: number): void
  /** The client sent a ping or a pong of the transport's own, which counts as a heartbeat. Never throws. */
  pinged(): void
  /** The connection is gone; called once. `by` and the code, if there is one, are for telemetry. */
  closed(reason: ClosedReason, code?: number, by?: ClosedBy): void
}
