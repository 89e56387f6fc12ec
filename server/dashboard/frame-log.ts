import type { EndpointServer } from '../endpoint/endpoint.ts'
import { filterParameters } from '../telemetry/filter-parameters.ts'
import { type TelemetryChannel, type TelemetrySocket, telemetry } from '../telemetry/telemetry.ts'
import type { FrameFilter, LoggedFrame } from './contract.ts'

/** Maximum number of frames in the log. If the log is full, a new frame replaces the oldest one. */
const MAX_FRAMES = 200
/** Maximum number of characters of a logged payload, topic or event. */
const MAX_PAYLOAD = 2_000

/**
 * Logs the frames of one topic or one socket id on this node. Values of filtered parameters are hidden. The payload of
 * a binary frame is not logged, only its size.
 */
export class FrameLog {
  readonly #endpoint: EndpointServer
  readonly #filter: FrameFilter
  readonly #words: readonly string[]
  readonly #undo: (() => void)[]
  #frames: LoggedFrame[]
  /** Number of frames logged so far, which is also the number of the latest frame. */
  #seq: number
  #askedAt: number

  constructor(endpoint: EndpointServer, filter: FrameFilter, words: readonly string[]) {
    this.#endpoint = endpoint
    this.#filter = filter
    this.#words = words
    this.#undo = []
    this.#frames = []
    this.#seq = 0
    this.#askedAt = performance.now()
    this.#listen()
  }

  /** Returns true if `since` was not called in the last `ms` milliseconds. */
  isQuiet(ms: number): boolean {
    return performance.now() - this.#askedAt > ms
  }

  /** Return the frames whose number is greater than `after`, and the number of the latest frame. */
  since(after: number): { seq: number; frames: readonly LoggedFrame[] } {
    this.#askedAt = performance.now()
    const missing = Math.min(this.#frames.length, Math.max(0, this.#seq - after))
    return { seq: this.#seq, frames: missing === 0 ? [] : this.#frames.slice(-missing) }
  }

  stop(): void {
    for (const one of this.#undo) one()
  }

  #listen(): void {
    this.#on(telemetry.channelJoined, ({ socket, topic, params, result }) =>
      this.#logOf(socket, { direction: 'join', topic, event: `phx_join ${result ?? ''}`, payload: params }),
    )
    this.#on(telemetry.channelHandledIn, ({ socket, topic, event, givenEvent, payload }) =>
      this.#logOf(socket, { direction: 'in', topic, event: event ?? String(givenEvent), payload }),
    )
    this.#on(telemetry.messageSent, ({ socket, topic, size, frame }) => {
      if (!this.#isWanted(socket, topic)) return
      const sent = typeof frame.data === 'string' ? parse(frame.data) : { event: `${size} bytes` }
      this.#logOf(socket, { direction: 'out', topic: String(topic), payload: undefined, ...sent })
    })
    // Broadcasts belong to no single socket, so they are logged only if the filter selects a topic.
    this.#on(telemetry.broadcastDispatched, ({ broadcast: { topic, event, payload } }) => {
      if (this.#filter.by === 'topic' && topic === this.#filter.value)
        this.#add({ direction: 'broadcast', topic, event, payload, words: this.#words, socketId: null })
    })
  }

  #on<M extends { readonly endpoint: object }>(
    channel: TelemetryChannel<M>,
    listener: (message: M) => void,
  ): void {
    const own = (message: M): void => {
      if (message.endpoint === this.#endpoint) listener(message)
    }
    channel.subscribe(own)
    this.#undo.push(() => channel.unsubscribe(own))
  }

  #isWanted(socket: TelemetrySocket, topic: unknown): boolean {
    const { by, value } = this.#filter
    return value === (by === 'topic' ? topic : socket.id)
  }

  #logOf(
    socket: TelemetrySocket,
    frame: Pick<LoggedFrame, 'direction' | 'topic' | 'event'> & { readonly payload: unknown },
  ): void {
    if (!this.#isWanted(socket, frame.topic)) return
    this.#add({ ...frame, words: [...this.#words, ...socket.filterParameters], socketId: socket.id })
  }

  #add({
    words,
    payload,
    ...frame
  }: Omit<LoggedFrame, 'at' | 'node' | 'payload'> & {
    readonly payload: unknown
    readonly words: readonly string[]
  }): void {
    const shown = payload === undefined ? '' : JSON.stringify(filterParameters(payload, words))
    const text = shown.length > MAX_PAYLOAD ? `${shown.slice(0, MAX_PAYLOAD)}…` : shown
    const { topic, event } = frame
    this.#frames.push({
      ...frame,
      at: Date.now(),
      node: this.#endpoint.nodeId,
      topic: topic.slice(0, MAX_PAYLOAD),
      event: event.slice(0, MAX_PAYLOAD),
      payload: text,
    })
    this.#seq += 1
    if (this.#frames.length > MAX_FRAMES) this.#frames.shift()
  }
}

/** Parse a sent text frame of any protocol version. Returns its event and payload. */
function parse(data: string): { readonly event: string; readonly payload: unknown } {
  const message: unknown = JSON.parse(data)
  const [event, payload] = Array.isArray(message)
    ? message.slice(3)
    : [Reflect.get(Object(message), 'event'), Reflect.get(Object(message), 'payload')]
  return { event: String(event), payload }
}
