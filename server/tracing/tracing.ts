import {
  type Attributes,
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { checkOption, object, rule } from '../../protocol/check.ts'
import { isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { checkEndpoint, wordsOf } from '../errors.ts'
import {
  type ConnectOperation,
  type HandleInOperation,
  type JoinOperation,
  type TelemetryChannel,
  telemetry,
} from '../telemetry/telemetry.ts'

/** Options of `tracing`, which creates OpenTelemetry spans for an endpoint. */
export type TracingOptions = {
  /** Tracer that creates the spans. Default: the tracer `fastify-phoenix` of the registered provider. */
  readonly tracer?: Tracer
}

const tracingOptions = object<TracingOptions>({
  tracer: rule('a Tracer of OpenTelemetry', (value) => typeof Object(value).startSpan === 'function'),
})

type AnyOperation = ConnectOperation | JoinOperation | HandleInOperation

/**
 * Create a span for each handshake, join and handled message of an endpoint, until the returned function is called.
 * Callbacks of the application run in the context of their span.
 * @throws UsageError with `PHX_ERR_OPTION` for an invalid option, and with `PHX_ERR_NO_ENDPOINT` if the
 * endpoint is missing.
 */
export function tracing(endpoint: Endpoint, options: TracingOptions = {}): () => void {
  checkEndpoint('tracing', endpoint, isEndpoint)
  checkOption('tracing', options, tracingOptions)
  const spans = new Spans(options.tracer ?? trace.getTracer('fastify-phoenix'))
  const undo: (() => void)[] = []
  const on = <M extends { readonly endpoint: object }>(
    channel: TelemetryChannel<M>,
    listener: (message: M) => void,
  ): void => {
    const own = (message: M): void => {
      if (message.endpoint === endpoint) listener(message)
    }
    channel.subscribe(own)
    undo.push(() => channel.unsubscribe(own))
  }
  on(telemetry.socketConnecting, (operation) => spans.connecting(operation))
  on(telemetry.socketConnected, (operation) => spans.connected(operation))
  on(telemetry.socketOpened, ({ socket, handshake }) => spans.opened(socket, handshake))
  on(telemetry.channelJoining, (operation) => spans.joining(operation))
  on(telemetry.channelJoined, (operation) => spans.joined(operation))
  on(telemetry.channelHandlingIn, (operation) => spans.handlingIn(operation))
  on(telemetry.channelHandledIn, (operation) => spans.end(operation))
  return () => {
    for (const one of undo) one()
  }
}

/** Holds the span of each running operation, and the parent context of each connection. */
class Spans {
  readonly #tracer: Tracer
  readonly #open: WeakMap<object, Span>
  /** Parent context of each connection, stored under its connect operation, its handshake and its socket. */
  readonly #parents: WeakMap<object, Context>

  constructor(tracer: Tracer) {
    this.#tracer = tracer
    this.#open = new WeakMap()
    this.#parents = new WeakMap()
  }

  connecting(operation: ConnectOperation): void {
    const { path, transport, headers } = operation
    // If a span is active, use it as the parent: an instrumented HTTP server has read `traceparent` already. Otherwise
    // read `traceparent` here.
    const active = context.active()
    const parent = trace.getSpan(active) === undefined ? propagation.extract(active, headers) : active
    this.#parents.set(operation, parent)
    const attributes = { 'url.path': path, 'phoenix.transport': transport }
    this.#start(operation, { name: `connect ${path}`, attributes, parent })
  }

  connected(operation: ConnectOperation): void {
    const { handshake, refused } = operation
    const parent = this.#parents.get(operation)
    if (handshake !== null && parent !== undefined) this.#parents.set(handshake, parent)
    if (refused !== null) this.#open.get(operation)?.setAttribute('phoenix.refused', refused)
    this.end(operation)
  }

  opened(socket: object, handshake: object): void {
    const parent = this.#parents.get(handshake)
    if (parent !== undefined) this.#parents.set(socket, parent)
  }

  joining(operation: JoinOperation): void {
    const { pattern, socket } = operation
    const name = `join ${pattern ?? 'unmatched topic'}`
    this.#start(operation, { name, attributes: topicAttributes(operation), parent: this.#parentOf(socket) })
  }

  joined(operation: JoinOperation): void {
    // A join that was refused by its schema or a limit had no `channelJoining` event, so its span starts here.
    if (!this.#open.has(operation)) this.joining(operation)
    this.end(operation)
  }

  handlingIn(operation: HandleInOperation): void {
    const { event, pattern, socket } = operation
    // Omit the name of an unknown event, because the client chose it.
    const attributes = { ...topicAttributes(operation), ...(event !== null && { 'phoenix.event': event }) }
    const name = `${event ?? 'unmatched event'} ${pattern}`
    this.#start(operation, { name, attributes, parent: this.#parentOf(socket) })
  }

  end(operation: AnyOperation): void {
    const span = this.#open.get(operation)
    if (span === undefined) return
    const { result, error } = operation
    if (result !== null) span.setAttribute('phoenix.result', result)
    if (error !== null) recordError(span, error)
    if (result === 'crash') span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }

  #start(
    operation: AnyOperation,
    { name, attributes, parent }: { name: string; attributes: Attributes; parent: Context },
  ): void {
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent)
    this.#open.set(operation, span)
    const own = trace.setSpan(parent, span)
    operation.runInContext = (callback) => context.with(own, callback)
  }

  /**
   * Return the parent context of a socket. If the socket was opened before the tracing started, return the active
   * context.
   */
  #parentOf(socket: object): Context {
    return this.#parents.get(socket) ?? context.active()
  }
}

/** Record an error. If reading the error throws, record a description instead. */
function recordError(span: Span, error: unknown): void {
  try {
    span.recordException(error instanceof Error ? error : wordsOf(error))
  } catch {
    span.recordException(wordsOf(error))
  }
}

function topicAttributes({ pattern }: { readonly pattern: string | null }): Attributes {
  return pattern === null ? {} : { 'phoenix.topic_pattern': pattern }
}
