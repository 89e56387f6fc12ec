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
import { Batch } from './batch.ts'
import { tellSlowConsumer } from './observed.ts'
import type { Flushable, Outbox } from './outbox.ts'
import { Unsent } from './unsent.ts'
import { refusedCode } from './ws-refusal.ts'

/** What a WebSocket connection may use. */
export type WebSocketLimits = {
  /** Milliseconds without a byte from the client. */
  readonly timeout: number
  /** Milliseconds in which a message that has begun must be complete. */
  readonly messageTimeout: number
  /** Bytes that may wait to be written, the frame about to be sent included, the largest one left out. */
  readonly maxBufferedBytes: number
  /** Frames that may wait so. */
  readonly maxBufferedFrames: number
  /** What happens above either limit: the connection is closed with 1013, or the frame is dropped. */
  readonly slowConsumer: 'close' | 'drop'
}

/** A client that reads too slowly, or sends too fast, has this many milliseconds to take in the close. */
const CUT_OFF_MS = 1_000

/**
 * A WebSocket connection. Frames are written to its TCP socket as ready bytes, a batch per turn; `ws`
 * reads, answers pings and closes. With compression negotiated, frames go through `ws` instead.
 */
export class WebSocketTransport implements Transport, Flushable {
  readonly name = 'websocket'
  readonly #ws: WebSocket
  readonly #net: NetSocket
  readonly #outbox: Outbox
  readonly #limits: WebSocketLimits
  readonly #isCompressed: boolean
  #handler: SocketHandler | null
  #batch: Batch | null
  /** Null when last looked at the network had taken everything. */
  #unsent: Unsent | null
  /** Bytes of the largest frame that `ws` was given to compress since nothing waited there. */
  #compressedLargest: number
  #isClosed: boolean
  #bytesRead: number
  #silentSince: number
  /** Whether a message has come since the latest sweep. */
  #hasReceived: boolean
  /** The sweep that first saw the message which is still incomplete; null if there is none. */
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
    this.#compressedLargest = 0
    this.#isClosed = false
    this.#bytesRead = 0
    this.#silentSince = performance.now()
    this.#hasReceived = false
    this.#unfinishedSince = null
  }

  get bufferedAmount(): number {
    return this.#net.writableLength + (this.#batch === null ? 0 : this.#batch.size)
  }

  /** Begin to hand what the client sends to `handler`. */
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
    let batch = this.#batch === null ? Batch.of(frame) : this.#batch.with(frame)
    if (this.#isTooMuch(batch)) {
      // Much for one turn is not yet too much: the network may take what the turn has queued so far.
      this.flush()
      this.#look()
      batch = Batch.of(frame)
      if (this.#isTooMuch(batch)) return this.#overflow(frame)
    }
    if (this.#batch === null) this.#outbox.add(this)
    this.#batch = batch
  }

  flush(): void {
    const batch = this.#batch
    this.#batch = null
    // Nothing may follow a close frame, also not one that `ws` has sent in answer to the client's.
    if (batch === null || this.#ws.readyState !== this.#ws.OPEN) return
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
    this.#ws.close(code, reason)
    // LIMIT-3: of a client that sends too fast not even the answer to the close is read.
    if (code === CLOSE_POLICY_VIOLATION) {
      this.#ws.pause()
      this.#cutOffSoon()
    }
    // That of any other must be.
    else if (this.#ws.isPaused) this.#ws.resume()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  sweep(now: number, late: number): void {
    this.#silentSince = Math.min(now, this.#silentSince + late)
    if (this.#unfinishedSince !== null) this.#unfinishedSince = Math.min(now, this.#unfinishedSince + late)
    const { bytesRead } = this.#net
    // A connection that we do not read is not silent, and its client cannot complete a message.
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

  /** Pings between its fragments complete no message (CLOSE-5). */
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

  /** A frame of any size may be sent: the limits are for what piles up behind it (CLOSE-3). */
  #isTooMuch({ size, count, largest }: Batch): boolean {
    const { maxBufferedBytes, maxBufferedFrames } = this.#limits
    const unsent = this.#unsent
    if (unsent === null) return count > 1 && (size - largest > maxBufferedBytes || count > maxBufferedFrames)
    const pile = unsent.bytes + size - Math.max(unsent.largest, largest)
    return pile > maxBufferedBytes || unsent.frames + count > maxBufferedFrames
  }

  #sendCompressed(frame: Frame): void {
    const { data, opcode } = frame
    const { bufferedAmount } = this.#ws
    const largest = Math.max(bufferedAmount === 0 ? 0 : this.#compressedLargest, data.length)
    if (bufferedAmount + data.length - largest > this.#limits.maxBufferedBytes) return this.#overflow(frame)
    this.#compressedLargest = largest
    this.#ws.send(data, { binary: opcode === 'binary' })
  }

  /** The client does not read: keep nothing more for it, and let it come back later (CLOSE-3). */
  #overflow({ mustArrive }: Frame): void {
    const slowConsumer = mustArrive ? 'close' : this.#limits.slowConsumer
    tellSlowConsumer(this.#handler, slowConsumer)
    if (slowConsumer === 'drop') return
    this.#batch = null
    this.close(CLOSE_TRY_AGAIN_LATER)
    this.#cutOffSoon()
    this.#handler?.closed('closed', CLOSE_TRY_AGAIN_LATER)
  }

  #cutOffSoon(): void {
    setTimeout(() => this.#ws.terminate(), CUT_OFF_MS).unref()
  }

  /** `ws` has a ping, which it has answered, or a pong. */
  pinged(): void {
    if (!this.#isClosed) this.#handler?.pinged()
  }

  /** `ws` has a whole message. */
  received(data: RawData, isBinary: boolean): void {
    if (this.#isClosed) return
    this.#hasReceived = true
    // The binary type of `ws` is "nodebuffer": every message is a Buffer.
    const bytes = data as Buffer
    if (isBinary) this.#handler?.receive(bytes, 'binary')
    else this.#handler?.receive(bytes.toString(), 'text', bytes.length)
  }

  /** `ws` has closed; if `by` is the server, because of what the client sent. */
  gone(code: number, by: ClosedBy): void {
    this.#isClosed = true
    this.#batch = null
    this.#handler?.closed('closed', code, by)
  }
}

const ATTACHED = Symbol('transport')
type Attached = WebSocket & { [ATTACHED]?: WebSocketTransport }

// The same listeners for every connection; `ws` calls them as its methods.

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
