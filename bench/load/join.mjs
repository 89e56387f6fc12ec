import { Connection } from './connection.mjs'
import { protocols } from './protocols.mjs'

/**
 * @typedef {object} JoinRequest
 * @property {string} protocol a name in `protocols`
 * @property {number} port
 * @property {number} rooms
 * @property {number} roomSize connections in each
 * @property {boolean} [asBrowser] send a browser's usual headers with the upgrade; default false
 * @property {number} [inFlight] connections being made at once; default 64
 */

/** The members of one topic. */
export class Room {
  /**
   * @param {string} topic
   * @param {Connection[]} members
   */
  constructor(topic, members) {
    this.topic = topic
    this.members = members
  }
}

/**
 * Connects and joins everyone; throws at the first who is refused. Latencies are in milliseconds from the connect call to the confirmed join.
 * @param {JoinRequest} request
 */
export async function join({ protocol, port, rooms, roomSize, asBrowser = false, inFlight = 64 }) {
  const spoken = protocols[protocol]
  if (spoken === undefined) throw new Error(`unknown protocol ${protocol}`)
  const made = Array.from({ length: rooms }, (_, number) => {
    const topic = `room:${number}`
    return new Room(
      topic,
      Array.from({ length: roomSize }, () => new Connection(spoken, topic)),
    )
  })
  const connections = made.flatMap((room) => room.members)
  /** @type {number[]} */
  const latencies = []
  const startedAt = performance.now()
  let next = 0
  const work = async () => {
    for (let connection = connections[next++]; connection !== undefined; connection = connections[next++]) {
      const from = performance.now()
      await connection.join(port, asBrowser)
      latencies.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  return { rooms: made, latencies, milliseconds: performance.now() - startedAt }
}
