import { filterParameters } from './filter-parameters.ts'
import { isLevelEnabled, type LogLevel } from './log-level.ts'
import { type HandleInOperation, type TelemetryChannel, telemetry } from './telemetry.ts'
import type { ThrottledLog } from './throttled-log.ts'

/** Methods of Fastify's logger that `logTelemetry` calls. */
export type TelemetryLogger = { readonly [L in LogLevel]: (details: object, message: string) => void }

/** Log levels of a mounted socket and its channels. */
type LoggedSocket = {
  readonly log: LogLevel | false
  readonly routes: readonly {
    readonly definition: { readonly logJoin: LogLevel | false; readonly logHandleIn: LogLevel | false }
  }[]
}

export type LoggingOptions = {
  readonly logger: TelemetryLogger
  readonly sockets: readonly LoggedSocket[]
  /** Writes the lines about refused joins. */
  readonly throttledLog: ThrottledLog
  /** True if joins of topics without a channel are logged as warnings. */
  readonly warnsOfUnmatched: boolean
}

/** Topics with this prefix are reserved by Phoenix. Their joins and messages are not logged. */
const RESERVED_PREFIX = 'phoenix'
/** Maximum number of topic patterns in a log line. */
const MAX_PATTERNS = 20

/**
 * Log the successful connects, the joins and the messages of an endpoint, at the levels that its sockets and channels
 * set. Subscribes only to events whose level the logger writes. Returns a function that ends the logging.
 */
export function logTelemetry(endpoint: object, options: LoggingOptions): () => void {
  const { logger, sockets, throttledLog, warnsOfUnmatched } = options
  const isOn = (level: LogLevel | false): level is LogLevel =>
    level !== false && isLevelEnabled(logger, level)
  const undo: (() => void)[] = []
  const on = <M extends { readonly endpoint: object; readonly log: LogLevel | false }>(
    channel: TelemetryChannel<M>,
    levels: readonly (LogLevel | false)[],
    write: (message: M, level: LogLevel) => void,
  ): void => {
    if (!levels.some(isOn)) return
    const listener = (message: M): void => {
      if (message.endpoint === endpoint && isOn(message.log)) write(message, message.log)
    }
    channel.subscribe(listener)
    undo.push(() => channel.unsubscribe(listener))
  }
  const channels = sockets.flatMap(({ routes }) => routes.map(({ definition }) => definition))

  on(
    telemetry.socketConnected,
    sockets.map(({ log }) => log),
    (operation, level) => {
      const { result, path, transport, vsn, id: socketId } = operation
      // `publishRefused` logs refusals, including refusals before the handshake.
      if (result !== 'ok') return
      const params = filterParameters(operation.params, operation.filterParameters)
      logger[level]({ socketId, path, transport, vsn, params, ...durationOf(operation) }, 'socket connected')
    },
  )
  on(
    telemetry.channelJoined,
    [...channels.map(({ logJoin }) => logJoin), warnsOfUnmatched && 'warn'],
    (operation, level) => {
      const { result, reason, errors, topic, socket } = operation
      // `EndpointServer.report` logs crashes, as errors with their cause.
      if (result === 'crash' || topic.startsWith(RESERVED_PREFIX)) return
      const line = {
        socketId: socket.id,
        topic,
        params: filterParameters(operation.params, socket.filterParameters),
        ...durationOf(operation),
        ...(operation.pattern === null && { patterns: socket.patterns.slice(0, MAX_PATTERNS) }),
      }
      if (result === 'ok') logger[level](line, 'channel joined')
      else {
        throttledLog.write(`join refused ${operation.pattern}`, (count) =>
          logger[level]({ ...line, reason, ...(errors !== null && { errors }), count }, 'join refused'),
        )
      }
    },
  )
  on(
    telemetry.channelHandledIn,
    channels.map(({ logHandleIn }) => logHandleIn),
    (operation, level) => {
      const { result, topic, socket } = operation
      if (topic.startsWith(RESERVED_PREFIX)) return
      const words = socket.filterParameters
      const params = filterParameters(operation.payload, words)
      // The client chooses the name of an unknown event, so the name is truncated like params.
      const event = operation.event ?? filterParameters(operation.givenEvent, words)
      const line = { socketId: socket.id, topic, event, params, result, ...whyOf(operation) }
      logger[level]({ ...line, ...durationOf(operation) }, 'message handled')
    },
  )
  return () => {
    for (const one of undo) one()
  }
}

/** Reason and errors of a refusal, if any. */
function whyOf({ reason, errors }: Pick<HandleInOperation, 'reason' | 'errors'>): object {
  return { ...(reason !== null && { reason }), ...(errors !== null && { errors }) }
}

function durationOf({ duration }: { readonly duration: number }): { durationMs: number } {
  return { durationMs: Math.round(duration * 1_000) / 1_000 }
}
