import { Socket, type SocketConnectOption } from 'phoenix'
import { onTestFinished } from 'vitest'
import { stopTimers } from './official-socket.ts'

type Frame = [joinRef: string | null, ref: string | null, topic: string, event: string, payload: unknown]

/** A phoenix.js socket without a network, until the end of the test: what the client sends is kept, the test is the server. */
export class MemoryLine {
  readonly socket: Socket
  readonly sent: Frame[] = []
  readyState = 0
  // phoenix.js sets these on its transport.
  onopen: () => void = () => {}
  onclose: (event: object) => void = () => {}
  onmessage: (event: { data: string }) => void = () => {}

  constructor(options: Partial<SocketConnectOption> = {}) {
    const line = this
    // An object returned by a constructor is what `new` gives: each connection is this line again.
    function transport() {
      line.readyState = 0
      return line
    }
    this.socket = new Socket('ws://memory', {
      ...options,
      transport: transport as unknown as SocketConnectOption['transport'],
    })
    this.socket.connect()
    onTestFinished(() => stopTimers(this.socket))
  }

  open(): void {
    this.readyState = 1
    this.onopen()
  }

  /** The server ends the connection. */
  drop(): void {
    this.readyState = 3
    this.onclose({ code: 1012 })
  }

  /** The last frame that the client sent. */
  get last(): Frame {
    const frame = this.sent.at(-1)
    if (frame === undefined) throw new Error('the client has sent nothing')
    return frame
  }

  /** Answer the frame that the client sent last. */
  reply(status: string, response: unknown, [joinRef, ref, topic] = this.last): void {
    this.push([joinRef, ref, topic, 'phx_reply', { status, response }])
  }

  push(frame: Frame): void {
    this.onmessage({ data: JSON.stringify(frame) })
  }

  // Called by phoenix.js.
  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }

  close(): void {
    this.readyState = 3
  }
}
