import type { Frame } from '../../protocol/index.ts'
import type { Transport } from '../channel/transport.ts'

/** A transport without a network: it keeps what is sent to the client. */
export class MemoryTransport implements Transport {
  readonly name = 'memory'
  readonly bufferedAmount = 0
  /** The code that the server closed with; null while it is open. */
  closeCode: number | null
  /** True while the server does not want to read. */
  isPaused: boolean
  #frames: Frame[]

  constructor() {
    this.closeCode = null
    this.isPaused = false
    this.#frames = []
  }

  /** The frames sent since they were last taken. */
  take(): Frame[] {
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  send(frame: Frame): void {
    if (this.closeCode === null) this.#frames.push(frame)
  }

  close(code: number): void {
    this.closeCode ??= code
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  /** A client without a network is never silent. */
  sweep(): void {}
}
