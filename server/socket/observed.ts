import type { Frame, Message } from '../../protocol/index.ts'
import type { ClosedBy } from '../channel/transport.ts'
import type { Limits } from '../limits/config.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import type { Handshake } from './connect.ts'
import type { Socket } from './socket.ts'

// What sockets tell the listeners of telemetry. None of it is computed while nobody listens.

/** Tell of a new connection. */
export function tellOpened(socket: Socket, handshake: Handshake): void {
  if (telemetry.socketOpened.hasSubscribers) {
    telemetry.socketOpened.publish({ endpoint: socket.host, socket, handshake })
  }
}

/** Tell of a connection's end; without a code it had none, and it was the server's doing unless said. */
export function tellClosed(
  socket: Socket,
  reason: string,
  { code, by }: { code: number | undefined; by: ClosedBy | undefined },
): void {
  const { host: endpoint } = socket
  telemetry.socketClosed.publish({ endpoint, socket, code: code ?? null, by: by ?? 'server', reason })
}

/** Tell of a frame that was no message. */
export function tellRefusedFrame(socket: Socket, error: unknown): void {
  if (telemetry.frameRefused.hasSubscribers) {
    telemetry.frameRefused.publish({ endpoint: socket.host, socket, error })
  }
}

/** Tell of a reply or push. */
export function tellSent(socket: Socket, topic: unknown, frame: Frame): void {
  telemetry.messageSent.publish({
    endpoint: socket.host,
    socket,
    topic,
    pattern: patternOf(socket, topic),
    size: frame.size || Buffer.byteLength(frame.data),
  })
}

/** Tell of a limit that a client of this endpoint met. */
export function tellLimit(endpoint: object, limit: keyof Limits): void {
  if (telemetry.limitReached.hasSubscribers) telemetry.limitReached.publish({ endpoint, limit })
}

/** Tell of a join that reached no channel. */
export function tellRefusedJoin(socket: Socket, { topic, payload }: Message, reason: string): void {
  if (!telemetry.channelJoined.hasSubscribers) return
  // String() would call a `toString` that the client may have sent.
  const name = typeof topic === 'string' ? topic : JSON.stringify(topic)
  telemetry.channelJoined.publish({
    endpoint: socket.host,
    socket,
    topic: name,
    pattern: patternOf(socket, topic),
    params: payload,
    runInContext: null,
    log: socket.definition.route(name)?.definition.logJoin ?? 'info',
    result: 'error',
    reason,
    error: null,
    errors: null,
    duration: 0,
  })
}

function patternOf(socket: Socket, topic: unknown): string | null {
  if (typeof topic !== 'string') return null
  // A channel that has just ended is found by its route only.
  const { definition } = socket.channelOn(topic) ?? socket.definition.route(topic) ?? {}
  return definition === undefined ? null : definition.contract.topic
}
