import type { Frame } from '../../protocol/index.ts'
import type { Transport } from '../channel/transport.ts'

/** Listener to the server's actions on a transport. */
export type TransportListener = {
  /** Called when the server has sent a frame. If there is a listener, the transport does not store frames. */
  sent(frame: Frame): void
  /** Called when the server has closed the connection with this code. */
  closed(code: number): void
  /** Called when the server reads again after a pause. */
  resumed(): void
}

/** Transport without a network. Frames to the client are stored, or are passed to the listener if there is one. */
export class MemoryTransport implements Transport {
  readonly name = 'memory'
  readonly bufferedAmount = 0
  /** Code with which the server closed the connection; null while the connection is open. */
  closeCode: number | null
  /** True while the server does not read. */
  isPaused: boolean
  readonly #listener: TransportListener | null
  #frames: Frame[]

  constructor(listener: TransportListener | null = null) {
    this.closeCode = null
    this.isPaused = false
    this.#listener = listener
    this.#frames = []
  }

  /** Return the frames that were sent since the last call. */
  take(): Frame[] {
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  send(frame: Frame): void {
    if (this.closeCode !== null) return
    if (this.#listener === null) this.#frames.push(frame)
    else this.#listener.sent(frame)
  }

  close(code: number): void {
    if (this.closeCode !== null) return
    this.closeCode = code
    this.#listener?.closed(code)
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.#listener?.resumed()
  }

  /** Do nothing: a client in memory sends no heartbeats, and must not be disconnected for missing heartbeats. */
  sweep(): void {}
}
