import { bodyOf } from './body.mjs'
import { maskedFrame } from './frames.mjs'

// Parse only every 11th reply, because parsing all would make the generator the bottleneck.
const PARSED_EVERY = 11

// First ref; the join uses lower ones.
const FIRST_REF = 100

/** Sends requests on one connection, and checks that each reply arrives once and in order. */
export class EchoClient {
  #connection
  #echoing
  #asked = FIRST_REF
  #answered = FIRST_REF
  #askedAt

  /**
   * @param {import('./connection.mjs').Connection} connection
   * @param {import('./echoing.mjs').Echoing} echoing
   */
  constructor(connection, echoing) {
    this.#connection = connection
    this.#echoing = echoing
    this.#askedAt = new Float64Array(echoing.window)
  }

  ask() {
    const { protocol, topic } = this.#connection
    const ref = this.#asked++
    this.#askedAt[ref % this.#askedAt.length] = performance.now()
    this.#connection.write(maskedFrame(protocol.echo(topic, ref, bodyOf(ref, this.#echoing.bodySize))))
  }

  /**
   * @param {Buffer} bytes
   * @param {number} start
   * @param {number} end
   */
  reply(bytes, start, end) {
    const ref = this.#connection.protocol.replyRef(bytes, start)
    if (ref < this.#answered) {
      this.#echoing.doubled++
      return
    }
    if (ref > this.#answered) this.#echoing.misordered++
    const expected = this.#answered++
    if (expected % PARSED_EVERY === 0) this.#parse(bytes.toString('utf8', start, end), ref)
    this.#echoing.answered(this, this.#askedAt[expected % this.#askedAt.length])
  }

  /**
   * @param {Buffer} bytes
   * @param {number} start
   * @param {number} end
   */
  delivery(bytes, start, end) {
    this.fault(`unexpected delivery ${bytes.toString('utf8', start, end)}`)
  }

  /** @param {string} reason */
  fault(reason) {
    this.#echoing.fault(`${this.#connection.topic}: ${reason}`)
  }

  /**
   * @param {string} text
   * @param {number} ref
   */
  #parse(text, ref) {
    if (this.#connection.protocol.parse(text).body !== bodyOf(ref, this.#echoing.bodySize)) {
      this.fault(`unexpected reply ${text}`)
    }
  }
}
