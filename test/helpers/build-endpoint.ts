import { onTestFinished } from 'vitest'
import { EndpointServer } from '../../server/endpoint/endpoint.ts'
import type { EndpointOptions } from '../../server/endpoint/endpoint-options.ts'
import type { CallbackError } from '../../server/errors.ts'
import { connect } from '../../server/socket/connect.ts'
import type { AnySocket } from '../../server/socket/define-socket.ts'
import { Socket } from '../../server/socket/socket.ts'
import { MemoryTransport } from '../../server/testing/memory-transport.ts'

/** An endpoint until the end of the test; it keeps what is reported to it. */
export class TestEndpoint extends EndpointServer {
  readonly errors: CallbackError[]

  constructor(options: EndpointOptions = {}) {
    super(options)
    this.errors = []
    onTestFinished(() => this.stop())
  }

  override report(error: CallbackError): void {
    this.errors.push(error)
    super.report(error)
  }

  /** Errors that the application threw. */
  get causes(): unknown[] {
    return this.errors.map((error) => error.cause)
  }

  /** Connect a client without a network. */
  async connect(definition: AnySocket, params: Record<string, unknown> = { vsn: '2.0.0' }): Promise<Client> {
    const handshake = await connect(definition, { params, info: {} }, this)
    if ('refused' in handshake) throw new Error(`refused: ${handshake.refused}`)
    const transport = new MemoryTransport()
    return new Client(new Socket(this, handshake, transport), transport)
  }
}

/** A client of the test: it sends literal frames and takes what came. */
export class Client {
  readonly socket: Socket
  readonly transport: MemoryTransport

  constructor(socket: Socket, transport: MemoryTransport) {
    this.socket = socket
    this.transport = transport
  }

  send(...frames: (string | Uint8Array)[]): void {
    for (const frame of frames) this.socket.receive(frame, typeof frame === 'string' ? 'text' : 'binary')
  }

  /** The frames that came since the last take. */
  take(): (string | Uint8Array)[] {
    return this.transport.take().map(({ data }) => data)
  }

  /** Send, then take what came at once. */
  ask(...frames: (string | Uint8Array)[]): (string | Uint8Array)[] {
    this.send(...frames)
    return this.take()
  }
}
