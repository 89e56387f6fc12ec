import { bodyOf, findBody, sequenceAt } from './body.mjs'
import { Receipts } from './receipts.mjs'

// Parse only every 11th delivery, because parsing all would make the generator the bottleneck.
const PARSED_EVERY = 11

/** Counts the deliveries to one member of a room while messages are published. */
export class Subscriber {
  #connection
  #publishing
  #track
  #number
  #receipts
  /** Offset of the body in the last delivery: it is the same within one topic. */
  #offset = 0

  /**
   * @param {import('./connection.mjs').Connection} connection
   * @param {import('./publishing.mjs').Publishing} publishing
   * @param {import('./publishing.mjs').Track} track
   * @param {number} number of this member, so that different members parse different messages
   */
  constructor(connection, publishing, track, number) {
    this.#connection = connection
    this.#publishing = publishing
    this.#track = track
    this.#number = number
    this.#receipts = new Receipts(track.missing.length)
  }

  /**
   * @param {Buffer} bytes
   * @param {number} start
   * @param {number} end
   */
  delivery(bytes, start, end) {
    const at = findBody(bytes, start, end, start + this.#offset)
    if (at < 0) return this.fault(`no body in ${bytes.toString('utf8', start, end)}`)
    this.#offset = at - start
    const sequence = sequenceAt(bytes, at)
    if ((sequence + this.#number) % PARSED_EVERY === 0)
      this.#parse(bytes.toString('utf8', start, end), sequence)
    if (this.#receipts.take(sequence)) this.#publishing.delivered(this.#track, sequence)
  }

  /**
   * @param {Buffer} bytes
   * @param {number} start
   * @param {number} end
   */
  reply(bytes, start, end) {
    this.fault(`unexpected reply ${bytes.toString('utf8', start, end)}`)
  }

  summary() {
    return this.#receipts.summary(this.#track.sent)
  }

  /** @param {string} reason */
  fault(reason) {
    this.#publishing.fault(`${this.#track.room.topic}: ${reason}`)
  }

  /**
   * @param {string} text
   * @param {number} sequence
   */
  #parse(text, sequence) {
    const { topic, body } = this.#connection.protocol.parse(text)
    const isOurs = topic === null || topic === this.#track.room.topic
    if (!isOurs || body !== bodyOf(sequence, this.#publishing.bodySize))
      this.fault(`unexpected delivery ${text}`)
  }
}
