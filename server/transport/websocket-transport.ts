import type { Socket as NetSocket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import {
  CLOSE_POLICY_VIOLATION,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TRY_AGAIN_LATER,
  type Frame,
} from '../../protocol/index.ts'
import type { ClosedBy, SocketHandler, Transport } from '../channel/transport.ts'
import { isUnfinished } from '../upstream/ws-receiver.ts'
import { publishSlowConsumer } from './instrumentation.ts'
import type { Flushable, Outbox } from './outbox.ts'
import { Unsent } from './unsent.ts'
import { WriteBatch } from './write-batch.ts'
import { refusedCode } from './ws-refusal.ts'

export type WebSocketLimits = {
  /** Milliseconds until a connection is closed if no byte arrives from the client. */
  readonly timeout: number
  /** Maximum time from the first byte of a message to its last, in milliseconds. */
  readonly messageTimeout: number
  /**
   * Maximum number of queued bytes. The bytes of the largest queued frame are not counted, so that a frame of any size
   * can be sent (CLOSE-3).
   */
  readonly maxBufferedBytes: number
  /**
   * Maximum number of queued frames, including the frame about to be sent. Not checked if compression is negotiated.
   */
  readonly maxBufferedFrames: number
  /**
   * Policy for a client that exceeds `maxBufferedBytes` or `maxBufferedFrames`: close the connection with 1013, or drop
   * the frame.
   */
  readonly slowConsumer: 'close' | 'drop'
}

/**
 * Milliseconds from the close frame until the connection is destroyed, if the client reads too slowly or sends too
 * fast.
 */
const CUT_OFF_MS = 1_000

/**
 * WebSocket connection. This class writes data frames (frames that contain messages) directly to the TCP socket, one
 * batch per event-loop turn. If compression is negotiated, `ws` writes the data frames instead. `ws` always reads
 * messages, answers pings and sends close frames.
 *
 * Invariant: no frame follows a close frame.
 */
export class WebSocketTransport implements Transport, Flushable {
  readonly name = 'websocket'
  readonly #ws: WebSocket
  readonly #net: NetSocket
  readonly #outbox: Outbox
  readonly #limits: WebSocketLimits
  readonly #isCompressed: boolean
  #handler: SocketHandler | null
  #batch: WriteBatch | null
  /** Batches that are not completely sent; null if everything was sent at the last check. */
  #unsent: Unsent | null
  /** Largest `data.length` of the frames passed to `ws` since the queue of `ws` was last empty. */
  #largestPassedToWs: number
  #isClosed: boolean
  #bytesRead: number
  #silentSince: number
  /** Whether a message has arrived since the latest sweep. */
  #hasReceived: boolean
  /** Time of the sweep that first saw the current incomplete message; null if no message is incomplete. */
  #unfinishedSince: number | null

  constructor(ws: WebSocket, net: NetSocket, outbox: Outbox, limits: WebSocketLimits) {
    this.#ws = ws
    this.#net = net
    this.#outbox = outbox
    this.#limits = limits
    this.#isCompressed = ws.extensions !== ''
    this.#handler = null
    this.#batch = null
    this.#unsent = null
    this.#largestPassedToWs = 0
    this.#isClosed = false
    this.#bytesRead = 0
    this.#silentSince = performance.now()
    this.#hasReceived = false
    this.#unfinishedSince = null
  }

  get bufferedAmount(): number {
    return this.#net.writableLength + (this.#batch === null ? 0 : this.#batch.size)
  }

  /** Start delivering the client's messages to `handler`. */
  attach(handler: SocketHandler): void {
    this.#handler = handler
    const ws: Attached = this.#ws
    ws[ATTACHED] = this
    ws.on('message', onMessage)
    ws.on('ping', onPing)
    ws.on('pong', onPing)
    ws.on('close', onClose)
  }

  send(frame: Frame): void {
    if (this.#isClosed) return
    if (this.#isCompressed) return this.#sendCompressed(frame)
    let batch = this.#batch === null ? WriteBatch.of(frame) : this.#batch.with(frame)
    if (this.#isTooMuch(batch)) {
      // Write the frames that were queued in this event-loop turn. If the operating system accepts their bytes now,
      // there may be room for the new frame.
      this.flush()
      this.#look()
      batch = WriteBatch.of(frame)
      if (this.#isTooMuch(batch)) return this.#overflow(frame)
    }
    if (this.#batch === null) this.#outbox.add(this)
    this.#batch = batch
  }

  flush(): void {
    const batch = this.#batch
    this.#batch = null
    // Write nothing after a close frame. (`ws` itself may have answered a close frame of the client.) Write nothing
    // after `end()` of the TCP socket either: the write would fail and destroy the socket with its unsent bytes.
    if (batch === null || this.#ws.readyState !== this.#ws.OPEN || this.#net.writableEnded) return
    batch.writeTo(this.#net)
    if (this.#unsent === null && this.#net.writableLength === 0) return
    this.#unsent ??= new Unsent()
    this.#unsent.add(batch)
    this.#look()
  }

  close(code: number, reason?: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.flush()
    // After `end()` of the TCP socket, a close frame would destroy the socket with its unsent bytes.
    if (this.#net.writableEnded) return this.#cutOffSoon()
    this.#ws.close(code, reason)
    // LIMIT-3: stop reading from a client that sends too fast. Do not even read its close frame.
    if (code === CLOSE_POLICY_VIOLATION) {
      this.#ws.pause()
      this.#cutOffSoon()
    }
    // If the code is not `CLOSE_POLICY_VIOLATION`, resume reading, to receive the client's close frame.
    else if (this.#ws.isPaused) this.#ws.resume()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    // This method is called when a queue becomes shorter. After `close`, do not resume reading for that (LIMIT-3).
    if (!this.#isClosed) this.#ws.resume()
  }

  sweep(now: number, late: number): void {
    this.#silentSince = Math.min(now, this.#silentSince + late)
    if (this.#unfinishedSince !== null) this.#unfinishedSince = Math.min(now, this.#unfinishedSince + late)
    const { bytesRead } = this.#net
    // While the connection is paused, no bytes are read. So the client must not count as silent, and an incomplete
    // message must not count as late.
    if (this.#ws.isPaused) {
      this.#silentSince = now
      this.#unfinishedSince = null
      return
    }
    if (bytesRead !== this.#bytesRead) this.#silentSince = now
    this.#bytesRead = bytesRead
    const { timeout } = this.#limits
    if (now - this.#silentSince >= timeout || this.#isUnfinishedFor(now)) this.#timeOut()
  }

  /**
   * Whether the client has been sending one message for `messageTimeout` or longer. Pings between the fragments of the
   * message do not extend the time (CLOSE-5).
   */
  #isUnfinishedFor(now: number): boolean {
    if (!isUnfinished(this.#ws)) this.#unfinishedSince = null
    else if (this.#unfinishedSince === null || this.#hasReceived) this.#unfinishedSince = now
    this.#hasReceived = false
    return this.#unfinishedSince !== null && now - this.#unfinishedSince >= this.#limits.messageTimeout
  }

  #timeOut(): void {
    this.close(CLOSE_PROTOCOL_ERROR)
    this.#handler?.closed('closed', CLOSE_PROTOCOL_ERROR)
  }

  #look(): void {
    const { writableLength } = this.#net
    if (writableLength === 0) this.#unsent = null
    else this.#unsent?.look(writableLength)
  }

  /**
   * Whether a batch and the unsent batches together exceed the limits. The bytes of the largest frame are not counted,
   * so that a frame of any size can be sent (CLOSE-3).
   */
  #isTooMuch({ size, count, largest }: WriteBatch): boolean {
    const { maxBufferedBytes, maxBufferedFrames } = this.#limits
    const unsent = this.#unsent
    if (unsent === null) return count > 1 && (size - largest > maxBufferedBytes || count > maxBufferedFrames)
    const pile = unsent.bytes + size - Math.max(unsent.largest, largest)
    return pile > maxBufferedBytes || unsent.frames + count > maxBufferedFrames
  }

  #sendCompressed(frame: Frame): void {
    if (this.#net.writableEnded) return
    const { data, opcode } = frame
    const { bufferedAmount } = this.#ws
    const largest = Math.max(bufferedAmount === 0 ? 0 : this.#largestPassedToWs, data.length)
    if (bufferedAmount + data.length - largest > this.#limits.maxBufferedBytes) return this.#overflow(frame)
    this.#largestPassedToWs = largest
    this.#ws.send(data, { binary: opcode === 'binary' })
  }

  /** Drop the frame or close the connection, because the client reads too slowly (CLOSE-3). */
  #overflow({ mustArrive }: Frame): void {
    const slowConsumer = mustArrive ? 'close' : this.#limits.slowConsumer
    publishSlowConsumer(this.#handler, slowConsumer)
    if (slowConsumer === 'drop') return
    this.#batch = null
    this.close(CLOSE_TRY_AGAIN_LATER)
    this.#cutOffSoon()
    this.#handler?.closed('closed', CLOSE_TRY_AGAIN_LATER)
  }

  #cutOffSoon(): void {
    setTimeout(() => this.#ws.terminate(), CUT_OFF_MS).unref()
  }

  /** Called when `ws` has received a ping or a pong. `ws` answers pings itself. */
  pinged(): void {
    if (!this.#isClosed) this.#handler?.pinged()
  }

  /** Called when `ws` has received a whole message. */
  received(data: RawData, isBinary: boolean): void {
    if (this.#isClosed) return
    this.#hasReceived = true
    // The cast is safe: the binary type of `ws` is "nodebuffer", so every message is a Buffer.
    const bytes = data as Buffer
    if (isBinary) this.#handler?.receive(bytes, 'binary')
    else this.#handler?.receive(bytes.toString(), 'text', bytes.length)
  }

  /**
   * Called when the WebSocket has closed. `by` is the server if `ws` closed the connection because of an invalid
   * message.
   */
  gone(code: number, by: ClosedBy): void {
    this.#isClosed = true
    this.#batch = null
    this.#handler?.closed('closed', code, by)
  }
}

const ATTACHED = Symbol('transport')
type Attached = WebSocket & { [ATTACHED]?: WebSocketTransport }

// All connections share these listeners, to save memory. `ws` calls a listener with the WebSocket as `this`.

function onMessage(this: Attached, data: RawData, isBinary: boolean): void {
  this[ATTACHED]?.received(data, isBinary)
}

function onPing(this: Attached): void {
  this[ATTACHED]?.pinged()
}

function onClose(this: Attached, code: number): void {
  const refused = refusedCode(this)
  this[ATTACHED]?.gone(refused ?? code, refused === null ? 'client' : 'server')
}
