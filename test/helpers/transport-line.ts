import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { ClosedReason, SocketHandler } from '../../server/channel/transport.ts'
import { Outbox } from '../../server/transport/outbox.ts'
import { type WebSocketLimits, WebSocketTransport } from '../../server/transport/websocket-transport.ts'
import { connect, type RawClient } from './raw-client.ts'

/** Keeps what the transport hands up. */
export class Handler implements SocketHandler {
  readonly received: [unknown, string][] = []
  readonly ends: ClosedReason[] = []
  pings = 0

  pinged(): void {
    this.pings += 1
  }
  receive(data: string | Uint8Array, opcode: 'text' | 'binary'): void {
    this.received.push([data, opcode])
  }
  closed(reason: ClosedReason): void {
    this.ends.push(reason)
  }
}

type Line = {
  client: RawClient
  transport: WebSocketTransport
  handler: Handler
  net: NetSocket
  ws: WebSocket
}

/** The defaults of a mount. */
export const limits: WebSocketLimits = {
  timeout: 60_000,
  messageTimeout: 30_000,
  maxBufferedBytes: 1_048_576,
  maxBufferedFrames: 4_096,
  slowConsumer: 'close',
}

/** A client and the transport at the other end. */
export async function line(
  given: Partial<WebSocketLimits> = {},
  { server: options = {}, client: clientOptions = {} }: { server?: ServerOptions; client?: object } = {},
): Promise<Line> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const [client, [ws, request]] = await Promise.all([
    connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, clientOptions),
    once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>,
  ])
  const transport = new WebSocketTransport(ws, request.socket, new Outbox(), { ...limits, ...given })
  const handler = new Handler()
  transport.attach(handler)
  ws.on('error', () => {})
  return { client, transport, handler, net: request.socket, ws }
}
