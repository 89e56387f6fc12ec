import { encodeFragment } from './fragments.ts'

// Flow control between two nodes. For each node, Redis has an output buffer of messages that the node has not read yet.
// When the buffer is full (32 MB by default), Redis closes the node's connection, and the whole buffer is lost.
// Therefore a node limits the bytes that are in flight to another node; this limit is the window. Further messages wait
// in the link's queue. A message longer than a quarter of the window is sent in fragments.
//
// After each quarter of the window, the link requests an acknowledgement. The request is part of a message or fragment,
// and contains the number of bytes that the link has sent so far. The acknowledgement repeats this number, and these
// bytes are no longer in flight. Messages and acknowledgements may be lost. If no acknowledgement arrives for some
// time, all bytes in flight count as lost (`freeAll`).

/**
 * Fraction of the window (`LinkOptions.window`). Sets the maximum length of a fragment, and the number of bytes between
 * two requests for an acknowledgement.
 */
const PART = 1 / 4

export type LinkOptions = {
  /** Id of the sending node. */
  readonly nodeId: string
  /** Maximum number of bytes in flight. */
  readonly window: number
  /** Publish to the other node. Resolves with the number of receivers, or null on failure. Never rejects. */
  publish(message: Buffer): Promise<number | null>
}

/** Observes the sending of one message, and can cancel the unsent part of the message. */
export interface SendMonitor {
  /** True if the unsent part of the message need not be sent. */
  readonly isOver: boolean
  /**
   * Called when the other node has acknowledged bytes while this message was in the queue. The bytes may belong to an
   * earlier message.
   */
  progressed(): void
}

/** Message in the queue. Some of its bytes may be sent already. */
type QueuedMessage = {
  readonly envelope: object
  message: Buffer | null
  readonly monitor: SendMonitor
  readonly published: Promise<number | null>[]
  readonly settle: (published: Promise<(number | null)[]>) => void
  /** Number of bytes of `message` that were sent so far. */
  start: number
}

/** Queue of messages from this node to one other node. */
export class NodeLink {
  readonly #options: LinkOptions
  readonly #part: number
  readonly #queue: QueuedMessage[]
  /** Bytes sent since the link was created. */
  #sent: number
  /** Bytes that were acknowledged or count as lost. */
  #freed: number
  /** Value of `#sent` when the latest acknowledgement was requested. */
  #asked: number

  constructor(options: LinkOptions) {
    this.#options = options
    this.#part = Math.ceil(options.window * PART)
    this.#queue = []
    this.#sent = 0
    this.#freed = 0
    this.#asked = 0
  }

  /** True if no message waits in the queue. */
  get isIdle(): boolean {
    return this.#queue.length === 0
  }

  /**
   * Send a non-empty object as JSON. Resolves with the number of receivers, or null if this number is unknown. Stops
   * before the end of the message if `monitor.isOver` becomes true. Never rejects.
   */
  async send(envelope: object, monitor: SendMonitor): Promise<number | null> {
    const published = await new Promise<(number | null)[]>((resolve) => {
      this.#queue.push({ envelope, message: null, monitor, published: [], settle: resolve, start: 0 })
      this.#pump()
    })
    const isKnown = published.length > 0 && !published.includes(null)
    const receivers = isKnown ? Math.min(...published.map(Number)) : null
    // If no node received the message, no acknowledgement will arrive.
    if (receivers === 0) this.freeAll()
    return receivers
  }

  /** Handle an acknowledgement: the other node has received all bytes up to `offset`. */
  acknowledged(offset: number): void {
    if (offset > this.#freed) for (const { monitor } of this.#queue) monitor.progressed()
    this.#free(offset)
  }

  /** Free the whole window, because no acknowledgement will arrive for the bytes in flight. */
  freeAll(): void {
    this.#free(this.#sent)
  }

  #free(offset: number): void {
    this.#freed = Math.min(Math.max(this.#freed, offset), this.#sent)
    this.#pump()
  }

  /** Drop all queued messages. Each pending call of `send` resolves with null. */
  close(): void {
    for (const waiting of this.#queue.splice(0)) waiting.settle(Promise.resolve([null]))
  }

  #pump(): void {
    for (;;) {
      const [first] = this.#queue
      if (first === undefined) return
      if (first.monitor.isOver) this.#finish(first)
      else {
        first.message ??= Buffer.from(JSON.stringify(first.envelope))
        if (first.start === first.message.length) this.#finish(first)
        else if (this.#hasRoomFor(first.message.length - first.start)) this.#publishPart(first, first.message)
        else return
      }
    }
  }

  #hasRoomFor(length: number): boolean {
    const onTheWay = this.#sent - this.#freed
    return onTheWay === 0 || onTheWay + Math.min(length, this.#part) <= this.#options.window
  }

  #publishPart(waiting: QueuedMessage, message: Buffer): void {
    const { start } = waiting
    const bytes = message.subarray(start, start + this.#part)
    waiting.start += bytes.length
    this.#sent += bytes.length
    const from = this.#options.nodeId
    const ack = this.#askForAck() ? ([from, this.#sent] as const) : undefined
    if (bytes.length === message.length) {
      waiting.published.push(this.#options.publish(ack === undefined ? message : withAck(message, ack)))
      return
    }
    const index = start / this.#part
    const isLast = waiting.start === message.length
    const header = ack === undefined ? { from, index, isLast } : { from, index, isLast, ack }
    waiting.published.push(this.#options.publish(encodeFragment({ header, bytes })))
  }

  #askForAck(): boolean {
    if (this.#sent - this.#asked < this.#part) return false
    this.#asked = this.#sent
    return true
  }

  #finish(waiting: QueuedMessage): void {
    this.#queue.shift()
    waiting.settle(Promise.all(waiting.published))
  }
}

/** Insert the request for an acknowledgement at the start of a JSON object with at least one field. */
function withAck(message: Buffer, ack: readonly [nodeId: string, offset: number]): Buffer {
  return Buffer.concat([Buffer.from(`{"ack":${JSON.stringify(ack)},`), message.subarray(1)])
}
