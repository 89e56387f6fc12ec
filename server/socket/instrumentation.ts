import type { Frame, Message } from '../../protocol/index.ts'
import type { ClosedBy } from '../channel/transport.ts'
import type { Limits } from '../limits/config.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import type { Handshake } from './connect.ts'
import type { Socket } from './socket.ts'

// Telemetry events of sockets. They are built only while a listener is subscribed; for `publishClosed` and
// `publishSent`, the caller checks this.

/** Publish the telemetry event of a new connection. */
export function publishOpened(socket: Socket, handshake: Handshake): void {
  if (telemetry.socketOpened.hasSubscribers) {
    telemetry.socketOpened.publish({ endpoint: socket.host, socket, handshake })
  }
}

/** Publish the telemetry event of a closed connection. An undefined `by` stands for the server. */
export function publishClosed(
  socket: Socket,
  reason: string,
  { code, by }: { code: number | undefined; by: ClosedBy | undefined },
): void {
  const { host: endpoint } = socket
  telemetry.socketClosed.publish({ endpoint, socket, code: code ?? null, by: by ?? 'server', reason })
}

/** Publish the telemetry event of a frame that could not be decoded. */
export function publishRefusedFrame(socket: Socket, error: unknown): void {
  if (telemetry.frameRefused.hasSubscribers) {
    telemetry.frameRefused.publish({ endpoint: socket.host, socket, error })
  }
}

/** Publish the telemetry event of a reply or push that was sent. */
export function publishSent(socket: Socket, topic: unknown, frame: Frame): void {
  telemetry.messageSent.publish({
    endpoint: socket.host,
    socket,
    topic,
    pattern: patternOf(socket, topic),
    size: frame.size || Buffer.byteLength(frame.data),
    frame,
  })
}

/** Publish the telemetry event of a limit that a client of this endpoint has reached. */
export function publishLimit(endpoint: object, limit: keyof Limits): void {
  if (telemetry.limitReached.hasSubscribers) telemetry.limitReached.publish({ endpoint, limit })
}

/** Publish the telemetry event of a join that was refused before it reached a channel. */
export function publishRefusedJoin(socket: Socket, { topic, payload }: Message, reason: string): void {
  if (!telemetry.channelJoined.hasSubscribers) return
  // Not `String(topic)`, which throws if the client has sent an object with the key `toString`.
  const name = typeof topic === 'string' ? topic : JSON.stringify(topic)
  const route = socket.definition.route(name)
  telemetry.channelJoined.publish({
    endpoint: socket.host,
    socket,
    topic: name,
    pattern: patternOf(socket, topic),
    params: payload,
    runInContext: null,
    // If no channel matches the topic, the application probably has a mistake. Warn only in development, where
    // `outgoing` (the check of outgoing messages) is set by default.
    log: route === null ? (socket.outgoing === null ? 'info' : 'warn') : route.definition.logJoin,
    result: 'error',
    reason,
    error: null,
    errors: null,
    duration: 0,
  })
}

function patternOf(socket: Socket, topic: unknown): string | null {
  if (typeof topic !== 'string') return null
  // If the channel has just ended, the socket no longer has the channel. In this case, find the definition by the
  // route.
  const { definition } = socket.channelOn(topic) ?? socket.definition.route(topic) ?? {}
  return definition === undefined ? null : definition.contract.topic
}
