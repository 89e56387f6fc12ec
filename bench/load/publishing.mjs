import { setTimeout as sleep } from 'node:timers/promises'
import { quantiles } from '../stats.mjs'
import { bodyOf } from './body.mjs'
import { maskedFrame } from './frames.mjs'
import { Progress } from './progress.mjs'
import { Subscriber } from './subscriber.mjs'

// Measure the latency of every 7th delivery only. 7 is coprime to the size of every room, so that the measured members
// alternate.
const TIMED_EVERY = 7

// Milliseconds to wait for late duplicates.
const LINGER = 200

/**
 * @typedef {object} PublishRequest
 * @property {number} messages in all rooms together
 * @property {number} [window] closed loop: number of messages in flight; a message is done when every member has it
 * @property {number} [rate] open loop: messages per second, independent of deliveries
 * @property {number} [publishers] connections of each room that publish in turn; default 1. Order is guaranteed per
 *   sender only, so a higher number needs a window that never holds two messages of one room
 * @property {number} [bodySize] characters; default 64
 * @property {number} [stallAfter] milliseconds without a delivery after which the phase is given up; default 3,000
 */

/**
 * Messages of one room.
 * @typedef {object} Track
 * @property {import('./join.mjs').Room} room
 * @property {number} sent
 * @property {Float64Array} sentAt
 * @property {Int32Array} missing for each message, the number of members that have not received it yet
 */

/** One phase of publishing to all rooms in turn; every member's deliveries are counted. */
export class Publishing {
  /** @type {Track[]} */
  #tracks
  /** @type {Subscriber[]} */
  #subscribers = []
  #progress
  #window
  #rate
  #publishers
  #total
  #sent = 0
  #done = 0
  #lastAt = 0
  /** @type {number[]} */
  #latencies = []
  /** @type {string[]} */
  #faults = []

  /**
   * @param {readonly import('./join.mjs').Room[]} rooms
   * @param {PublishRequest} request
   */
  constructor(rooms, { messages, window = 1, rate = 0, publishers = 1, bodySize = 64, stallAfter = 3_000 }) {
    const each = Math.ceil(messages / rooms.length)
    this.bodySize = bodySize
    this.#window = window
    this.#rate = rate
    this.#publishers = publishers
    this.#total = each * rooms.length
    this.#progress = new Progress(stallAfter)
    this.#tracks = rooms.map((room) => ({
      room,
      sent: 0,
      sentAt: new Float64Array(each),
      missing: new Int32Array(each).fill(room.members.length),
    }))
    for (const track of this.#tracks) {
      for (const member of track.room.members) {
        const subscriber = new Subscriber(member, this, track, this.#subscribers.length)
        this.#subscribers.push(subscriber)
        member.listener = subscriber
      }
    }
  }

  /** Publishes all messages and counts the deliveries. All times in milliseconds. */
  async run() {
    const startedAt = performance.now()
    this.#lastAt = startedAt
    if (this.#rate > 0) await this.#pace(startedAt)
    else this.#fillWindow()
    await this.#progress.ended
    await sleep(LINGER)
    const counts = { lost: 0, doubled: 0, misordered: 0 }
    for (const subscriber of this.#subscribers) {
      const seen = subscriber.summary()
      counts.lost += seen.lost
      counts.doubled += seen.doubled
      counts.misordered += seen.misordered
    }
    const [p50, p99] = quantiles(this.#latencies, [0.5, 0.99])
    const milliseconds = this.#lastAt - startedAt
    return { units: this.#progress.count, milliseconds, p50, p99, ...counts, faults: this.#faults }
  }

  /**
   * Called when a member receives a message for the first time.
   * @param {Track} track
   * @param {number} sequence
   */
  delivered(track, sequence) {
    this.#lastAt = performance.now()
    if (++this.#progress.count % TIMED_EVERY === 0)
      this.#latencies.push(this.#lastAt - track.sentAt[sequence])
    if (--track.missing[sequence] > 0) return
    if (++this.#done === this.#total) this.#progress.finish()
    else if (this.#rate === 0) this.#fillWindow()
  }

  /** @param {string} reason */
  fault(reason) {
    if (this.#faults.length < 5) this.#faults.push(reason)
  }

  #fillWindow() {
    while (this.#sent < this.#total && this.#sent - this.#done < this.#window) this.#publish()
  }

  /** @param {number} startedAt */
  async #pace(startedAt) {
    while (this.#sent < this.#total) {
      const dueIn = startedAt + (this.#sent / this.#rate) * 1_000 - performance.now()
      if (dueIn > 0) await sleep(dueIn)
      else this.#publish()
    }
  }

  #publish() {
    const track = this.#tracks[this.#sent++ % this.#tracks.length]
    const publisher = track.room.publishers[track.sent % this.#publishers]
    track.sentAt[track.sent] = performance.now()
    publisher.write(
      maskedFrame(publisher.protocol.push(track.room.topic, bodyOf(track.sent++, this.bodySize))),
    )
  }
}
