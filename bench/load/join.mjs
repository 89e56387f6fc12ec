import { bodyOf } from './body.mjs'
import { Connection } from './connection.mjs'
import { protocols } from './protocols.mjs'

/**
 * @typedef {object} JoinRequest
 * @property {string} protocol a name in `protocols`
 * @property {number} port
 * @property {number} rooms
 * @property {number} [firstRoom] number of the first room; default 0
 * @property {number} roomSize members of each room
 * @property {number} [publisherPort] port of a node where one more connection per room publishes; default: members do
 * @property {boolean} [asBrowser] send a browser's usual headers with the upgrade; default false
 * @property {number} [kept] messages that are published to the first room before the joins; default 0
 * @property {number} [inFlight] connections that are opened at the same time; default 64
 */

/** Members of one topic, whose deliveries are counted, and its publishers. */
export class Room {
  /**
   * @param {string} topic
   * @param {Connection[]} members
   * @param {Connection[]} publishers
   */
  constructor(topic, members, publishers = members) {
    this.topic = topic
    this.members = members
    this.publishers = publishers
  }

  get connections() {
    return [...new Set([...this.members, ...this.publishers])]
  }
}

/**
 * Connects and joins all clients. Throws at the first refusal. `latencies` are the milliseconds from each connect call
 * to the confirmed join.
 * @param {JoinRequest} request
 */
export async function join({
  protocol,
  port,
  rooms,
  firstRoom = 0,
  roomSize,
  publisherPort,
  asBrowser = false,
  kept = 0,
  inFlight = 64,
}) {
  const spoken = protocols[protocol]
  if (spoken === undefined) throw new Error(`unknown protocol ${protocol}`)
  const topicOf = spoken.topic ?? ((/** @type {number} */ room) => `room:${room}`)
  for (let n = 0; n < kept; n++) await publish(port, topicOf(firstRoom), bodyOf(n, 64))
  const made = Array.from({ length: rooms }, (_, number) => {
    const topic = topicOf(firstRoom + number)
    const members = Array.from({ length: roomSize }, () => new Connection(spoken, topic))
    return new Room(topic, members, publisherPort === undefined ? members : [new Connection(spoken, topic)])
  })
  const connections = made.flatMap((room) => room.connections)
  const publishers = new Set(publisherPort === undefined ? [] : made.flatMap((room) => room.publishers))
  /** @type {number[]} */
  const latencies = []
  const startedAt = performance.now()
  let next = 0
  const work = async () => {
    for (let connection = connections[next++]; connection !== undefined; connection = connections[next++]) {
      const from = performance.now()
      await connection.join(publishers.has(connection) ? (publisherPort ?? port) : port, asBrowser)
      latencies.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  return { rooms: made, latencies, milliseconds: performance.now() - startedAt }
}

/**
 * @param {number} port
 * @param {string} topic
 * @param {string} body
 */
async function publish(port, topic, body) {
  const { status } = await fetch(`http://127.0.0.1:${port}/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, event: 'msg', payload: { body } }),
  })
  if (status !== 202) throw new Error(`not published: ${status}`)
}
