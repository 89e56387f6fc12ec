import type { Socket as NetSocket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import {
  CLOSE_POLICY_VIOLATION,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TRY_AGAIN_LATER,
  type Frame,
} from '../../protocol/index.ts'
import { Batch } from './batch.ts'
import { tellSlowConsumer } from './observed.ts'
import type { Flushable, Outbox } from './outbox.ts'
import type { ClosedBy, SocketHandler, Transport } from './transport.ts'
import { refusedCode } from './ws-refusal.ts'

/** What a WebSocket connection may use. */
export type WebSocketLimits = {
  /** Milliseconds without a byte from the client. */
  readonly timeout: number
  /** Bytes that may wait to be written, the frame about to be sent included. */
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
  /** Bytes that the network had not taken when last we looked; since then it can only have taken some. */
  #unsentBytes: number
  /** Frames and bytes written since nothing was left to write. */
  #writtenFrames: number
  #writtenBytes: number
  #isClosed: boolean
  #bytesRead: number
  #silentSince: number

  constructor(ws: WebSocket, net: NetSocket, outbox: Outbox, limits: WebSocketLimits) {
    this.#ws = ws
    this.#net = net
    this.#outbox = outbox
    this.#limits = limits
    this.#isCompressed = ws.extensions !== ''
    this.#handler = null
    this.#batch = null
    this.#unsentBytes = 0
    this.#writtenFrames = 0
    this.#writtenBytes = 0
    this.#isClosed = false
    this.#bytesRead = 0
    this.#silentSince = performance.now()
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
      if (this.#isTooMuch(batch)) return this.#overflow()
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
    this.#writtenFrames += batch.count
    this.#writtenBytes += batch.size
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
    const { bytesRead } = this.#net
    // A connection that we do not read is not silent.
    if (bytesRead !== this.#bytesRead || this.#ws.isPaused) {
      this.#bytesRead = bytesRead
      this.#silentSince = now
    } else if (now - this.#silentSince >= this.#limits.timeout) {
      this.close(CLOSE_PROTOCOL_ERROR)
      this.#handler?.closed('closed', CLOSE_PROTOCOL_ERROR)
    }
  }

  #look(): void {
    this.#unsentBytes = this.#net.writableLength
    if (this.#unsentBytes > 0) return
    this.#writtenFrames = 0
    this.#writtenBytes = 0
  }

  /** A frame of any size may be sent when nothing waits: the limits are for what piles up. */
  #isTooMuch({ size, count }: Batch): boolean {
    const { maxBufferedBytes, maxBufferedFrames } = this.#limits
    const unsent = this.#unsentBytes
    if (unsent === 0) return count > 1 && (size > maxBufferedBytes || count > maxBufferedFrames)
    // Of the frames written so many are left, as far as their bytes tell.
    const unsentFrames = this.#writtenFrames * Math.min(1, unsent / this.#writtenBytes)
    return unsent + size > maxBufferedBytes || unsentFrames + count > maxBufferedFrames
  }

  #sendCompressed({ data, opcode }: Frame): void {
    const { bufferedAmount } = this.#ws
    if (bufferedAmount > 0 && bufferedAmount + data.length > this.#limits.maxBufferedBytes) {
      return this.#overflow()
    }
    this.#ws.send(data, { binary: opcode === 'binary' })
  }

  /** The client does not read: keep nothing more for it, and let it come back later (CLOSE-3). */
  #overflow(): void {
    tellSlowConsumer(this.#handler, this.#limits.slowConsumer)
    if (this.#limits.slowConsumer === 'drop') return
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
