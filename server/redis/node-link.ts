import { encodeFragment } from './fragments.ts'

// Redis keeps what a node has not read yet in an output buffer, and cuts the node off when that is full, by
// default at 32 MB: all that was in it is lost. So this node has at most a window of bytes on the way to
// another. What does not fit waits here, in order, and becomes text when its turn comes; what is longer than a quarter of the window is sent in
// fragments. Whenever a quarter has been sent, the last message of it asks for an acknowledgement, by the
// number of bytes sent so far, which frees all of them. Acknowledgements may be lost, as may messages: a
// window of which nothing is heard for a while counts as free (`forgive`).

/** The part of the window after which an acknowledgement is asked for, and the longest fragment. */
const PART = 1 / 4

/** Who sends, and how much. */
export type LinkOptions = {
  readonly nodeId: string
  /** Bytes on the way. */
  readonly window: number
  /** Publish to the other node; how many received it, null if that failed. Never rejects. */
  publish(message: Buffer): Promise<number | null>
}

/** Why something is sent. */
export interface Purpose {
  /** Nothing more of it need be sent. */
  readonly isOver: boolean
  /** A part of it was sent, or of what is sent before it. */
  progressed(): void
}

/** A message of which something is still to be sent. */
type Waiting = {
  readonly envelope: object
  message: Buffer | null
  readonly purpose: Purpose
  readonly published: Promise<number | null>[]
  readonly settle: (published: Promise<(number | null)[]>) => void
  /** Bytes of it that were sent. */
  start: number
}

/** This node's messages to one other. */
export class NodeLink {
  readonly #options: LinkOptions
  readonly #part: number
  readonly #queue: Waiting[]
  /** Bytes that were sent since this link was made, were acknowledged, and were asked about. */
  #sent: number
  #freed: number
  #asked: number

  constructor(options: LinkOptions) {
    this.#options = options
    this.#part = Math.ceil(options.window * PART)
    this.#queue = []
    this.#sent = 0
    this.#freed = 0
    this.#asked = 0
  }

  /** Nothing waits. */
  get isIdle(): boolean {
    return this.#queue.length === 0
  }

  /**
   * Send an object that is not empty as JSON; how many received it, null if that is not known, as Redis failed.
   * Nothing more is sent of what is over. Never rejects.
   */
  async send(envelope: object, purpose: Purpose): Promise<number | null> {
    const published = await new Promise<(number | null)[]>((resolve) => {
      this.#queue.push({ envelope, message: null, purpose, published: [], settle: resolve, start: 0 })
      this.#pump()
    })
    const isKnown = published.length > 0 && !published.includes(null)
    const receivers = isKnown ? Math.min(...published.map(Number)) : null
    // Nobody is there to acknowledge anything.
    if (receivers === 0) this.forgive()
    return receivers
  }

  /** The other node has received so many bytes. */
  acknowledged(offset: number): void {
    if (offset > this.#freed) for (const { purpose } of this.#queue) purpose.progressed()
    this.#free(offset)
  }

  /** What was sent has arrived, or is lost. */
  forgive(): void {
    this.#free(this.#sent)
  }

  #free(offset: number): void {
    this.#freed = Math.min(Math.max(this.#freed, offset), this.#sent)
    this.#pump()
  }

  /** Send nothing more. */
  close(): void {
    for (const waiting of this.#queue.splice(0)) waiting.settle(Promise.resolve([null]))
  }

  #pump(): void {
    for (;;) {
      const [first] = this.#queue
      if (first === undefined) return
      if (first.purpose.isOver) this.#finish(first)
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

  #publishPart(waiting: Waiting, message: Buffer): void {
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

  #finish(waiting: Waiting): void {
    this.#queue.shift()
    waiting.settle(Promise.all(waiting.published))
  }
}

/** Its braces hold at least one field. */
function withAck(message: Buffer, ack: readonly [nodeId: string, offset: number]): Buffer {
  return Buffer.concat([Buffer.from(`{"ack":${JSON.stringify(ack)},`), message.subarray(1)])
}
