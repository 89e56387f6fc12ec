import net from 'node:net'
import { CLOSE, maskedFrame, PING, PONG, readFrames, TEXT } from './frames.mjs'
import { DELIVERY, IGNORED, JOINED, PROBE, REPLY } from './protocols.mjs'

// The key of RFC 6455's example. All connections use it, so that checking the response needs no hash.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const PLAIN_HEADERS = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n`

/** Headers that Chrome adds to an upgrade, with a session cookie. */
const BROWSER_HEADERS = `Pragma: no-cache\r
Cache-Control: no-cache\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r
Cookie: theme=dark; _ga=GA1.1.1187234567.1712345678; session=${'s3cr3t'.repeat(20)}\r
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n`

// Read callbacks are synchronous, so all sockets can share one buffer.
const readBuffer = Buffer.allocUnsafeSlow(512 * 1024)

/**
 * Listens to one joined connection during a phase of the load. The bytes are valid during the call only.
 * @typedef {object} Listener
 * @property {(bytes: Buffer, start: number, end: number) => void} delivery
 * @property {(bytes: Buffer, start: number, end: number) => void} reply
 * @property {(reason: string) => void} fault called for a failure: a close, an unknown message
 */

/** One WebSocket client, a member of one room. */
export class Connection {
  /** @type {Listener | null} */
  listener = null
  /** @type {net.Socket | null} */
  #socket = null
  /** @type {Buffer | null} bytes of an unfinished frame */
  #rest = null
  /** @type {'upgrading' | 'joining' | 'joined' | 'closed'} */
  #state = 'upgrading'
  #resolve = (/** @type {unknown} */ _value) => {}
  #reject = (/** @type {Error} */ _error) => {}

  /**
   * @param {import('./protocols.mjs').Protocol} protocol
   * @param {string} topic
   */
  constructor(protocol, topic) {
    this.protocol = protocol
    this.topic = topic
  }

  /**
   * Connects and joins. Resolves when the server has confirmed the join.
   * @param {number} port
   * @param {boolean} asBrowser send a browser's usual headers too
   */
  join(port, asBrowser) {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      const onread = { buffer: readBuffer, callback: (/** @type {number} */ length) => this.#read(length) }
      const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, onread })
      this.#socket = socket
      const host = `127.0.0.1:${port}`
      const extra = asBrowser ? `${BROWSER_HEADERS}Origin: http://${host}\r\n` : ''
      socket.write(`GET ${this.protocol.path} HTTP/1.1\r\nHost: ${host}\r\n${PLAIN_HEADERS}${extra}\r\n`)
      socket.on('error', (error) => this.#fail(error.message))
      socket.on('close', () => this.#fail('closed by the server'))
    })
  }

  get isJoined() {
    return this.#state === 'joined'
  }

  /** @param {string} text */
  send(text) {
    this.#socket?.write(maskedFrame(text))
  }

  /** @param {Buffer} frame */
  write(frame) {
    this.#socket?.write(frame)
  }

  close() {
    this.#state = 'closed'
    this.#socket?.destroy()
  }

  /** @param {number} length */
  #read(length) {
    let bytes = readBuffer
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, readBuffer.subarray(0, length)])
      length = bytes.length
      this.#rest = null
    }
    try {
      const from = this.#state === 'upgrading' ? this.#upgrade(bytes, length) : 0
      const read = from < 0 ? 0 : readFrames(bytes, from, length, this)
      if (read < length) this.#rest = Buffer.from(bytes.subarray(read, length))
    } catch (error) {
      this.#fail(String(error))
    }
    return true
  }

  /**
   * Returns the offset of the first frame, or -1 while the response's head is incomplete.
   * @param {Buffer} bytes
   * @param {number} length
   */
  #upgrade(bytes, length) {
    const head = bytes.toString('latin1', 0, length)
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return -1
    if (!head.startsWith('HTTP/1.1 101') || !head.includes(ACCEPT))
      throw new Error(`upgrade refused: ${head.slice(0, 200)}`)
    if (/^sec-websocket-extensions/im.test(head))
      throw new Error('the server must not use extensions: compressed frames are not comparable')
    this.#state = 'joining'
    const greeting = this.protocol.greeting(this.topic)
    if (greeting !== null) this.send(greeting)
    return end + 4
  }

  /**
   * @param {number} kind
   * @param {Buffer} bytes
   * @param {number} start
   * @param {number} end
   */
  frame(kind, bytes, start, end) {
    if (kind === TEXT) {
      if (this.#state === 'joined') this.#message(bytes, start, end)
      else this.#opening(bytes.toString('utf8', start, end))
    } else if (kind === PING) this.write(maskedFrame(bytes.toString('latin1', start, end), PONG))
    else if (kind === CLOSE)
      this.#fail(`closed with ${end - start >= 2 ? bytes.readUInt16BE(start) : 'no code'}`)
    else if (kind !== PONG) this.#fail(`unexpected frame 0x${kind.toString(16)}`)
  }

  /** @param {string} text */
  #opening(text) {
    const answer = this.protocol.opened(text, this.topic)
    if (answer === JOINED) {
      this.#state = 'joined'
      this.#resolve(undefined)
    } else if (answer !== null) this.send(answer)
  }

  /**
   * @param {Buffer} bytes
   * @param {number} start
   * @param {number} end
   */
  #message(bytes, start, end) {
    const kind = this.protocol.kind(bytes, start)
    if (kind === DELIVERY) this.listener?.delivery(bytes, start, end)
    else if (kind === REPLY) this.listener?.reply(bytes, start, end)
    else if (kind === PROBE) this.send('3')
    else if (kind !== IGNORED)
      this.listener?.fault(`unexpected message ${bytes.toString('utf8', start, end)}`)
  }

  /** @param {string} reason */
  #fail(reason) {
    if (this.#state === 'closed') return
    const wasJoined = this.#state === 'joined'
    this.close()
    if (wasJoined) this.listener?.fault(`${this.topic}: ${reason}`)
    else this.#reject(new Error(`${this.topic}: ${reason}`))
  }
}
