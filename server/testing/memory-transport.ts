import type { Frame } from '../../protocol/index.ts'
import type { Transport } from '../channel/transport.ts'

/** Told what the server does with a transport. */
export type TransportListener = {
  /** The server has sent a frame, which is not kept then. */
  sent(frame: Frame): void
  /** The server has closed the connection with this code. */
  closed(code: number): void
  /** The server reads again. */
  resumed(): void
}

/** A transport without a network: it keeps what is sent to the client, or tells its listener. */
export class MemoryTransport implements Transport {
  readonly name = 'memory'
  readonly bufferedAmount = 0
  /** The code that the server closed with; null while it is open. */
  closeCode: number | null
  /** True while the server does not want to read. */
  isPaused: boolean
  readonly #listener: TransportListener | null
  #frames: Frame[]

  constructor(listener: TransportListener | null = null) {
    this.closeCode = null
    this.isPaused = false
    this.#listener = listener
    this.#frames = []
  }

  /** The frames sent since they were last taken. */
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

  /** A client without a network is never silent. */
  sweep(): void {}
}
