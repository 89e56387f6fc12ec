// Measures the cost of a join with many presences: `npm run build`, then `node --expose-gc bench/presence.mjs`.
// Members have no network connection, to separate the cost of presence from that of its frames.
import { setImmediate as turn } from 'node:timers/promises'
import fastify from 'fastify'
import { Type } from 'typebox'
import { median } from './stats.mjs'

/** @type {typeof import('../server/index.ts')} */
const { defineContract, definePresence, phoenix } = await import(
  String(new URL('../dist/index.js', import.meta.url))
)

const TOPIC = 'room:bench'
const SIZES = [500, 1_000, 2_000]
/** Number of joins that are measured near each size. Their median is reported. */
const SAMPLES = 101
const MEMBERS = Math.max(...SIZES) + SAMPLES

const Room = defineContract({ topic: 'room:*', presence: Type.Object({ name: Type.String() }) })

/** The parts of a channel that presence and pub/sub use. */
class Member {
  isJoining = false
  topic = TOPIC
  /** @type {import('../server/presence/tracked.ts').TrackedListener | null} */
  #listener = null
  #endpoint
  #writesFrames
  written = 0

  /**
   * @param {import('../server/endpoint/endpoint.ts').EndpointServer} endpoint
   * @param {number} number
   * @param {boolean} writesFrames true if pushing a state also encodes its frame
   */
  constructor(endpoint, number, writesFrames) {
    this.id = `member:${number}`
    this.trackers = endpoint.trackers
    this.#endpoint = endpoint
    this.#writesFrames = writesFrames
    void endpoint.pubsub.subscribe(TOPIC, this)
  }

  /** @param {import('../server/presence/tracked.ts').TrackedListener} listener */
  onEnd(listener) {
    this.#listener = listener
  }

  /** @param {string} event @param {unknown} payload */
  push(event, payload) {
    if (this.#writesFrames) this.written += JSON.stringify(['1', null, TOPIC, event, payload]).length
  }

  /** @param {import('../server/index.ts').Broadcast} broadcast */
  receive(broadcast) {
    this.written += broadcast.json?.length ?? 0
  }

  end() {
    this.#endpoint.pubsub.unsubscribe(TOPIC, this)
    this.#listener?.ended(this)
  }
}

/** Makes an endpoint and the presence of its room. */
async function openRoom() {
  const app = fastify()
  await app.register(phoenix, { sockets: {} })
  // A cast: members use the endpoint's internals, as channels do.
  const endpoint = /** @type {import('../server/endpoint/endpoint.ts').EndpointServer} */ (app.endpoint)
  return { endpoint, presence: definePresence(Room) }
}

/**
 * Lets all members join, one per event-loop turn. Returns the members and the µs of each join.
 * @param {Awaited<ReturnType<typeof openRoom>>} room
 * @param {boolean} writesFrames
 */
async function joinAll({ endpoint, presence }, writesFrames) {
  const members = []
  const times = []
  for (let number = 0; number < MEMBERS; number++) {
    const begun = performance.now()
    const member = new Member(endpoint, number, writesFrames)
    presence.track(member, `u${number}`, { name: `Member ${number}` })
    presence.pushState(member)
    await turn()
    times.push((performance.now() - begun) * 1_000)
    members.push(member)
  }
  return { members, times }
}

/** Lets all members leave in one turn. Returns the µs per member. @param {readonly Member[]} members */
async function leaveAll(members) {
  const begun = performance.now()
  for (const member of members) member.end()
  await turn()
  return ((performance.now() - begun) * 1_000) / members.length
}

/** @param {readonly number[]} times @param {number} size */
function around(times, size) {
  return median(times.slice(size - (SAMPLES >> 1), size + (SAMPLES >> 1) + 1))
}

/** Bytes in use after a collection. */
async function heap() {
  for (let times = 0; times < 3; times++) {
    globalThis.gc?.()
    await turn()
  }
  return process.memoryUsage().heapUsed
}

/** @param {readonly (string | number)[]} cells */
function row(...cells) {
  console.log(cells.map((cell) => String(cell).padStart(16)).join(''))
}

await joinAll(await openRoom(), true) // warms up
const bare = await joinAll(await openRoom(), false)
const written = await joinAll(await openRoom(), true)
row('members', 'µs per join', 'without frames', 'ns per member')
for (const size of SIZES) {
  const own = around(bare.times, size)
  row(size, around(written.times, size).toFixed(0), own.toFixed(0), ((own * 1_000) / size).toFixed(0))
}

const room = await openRoom()
await leaveAll((await joinAll(room, true)).members)
const empty = await heap()
console.log()
row('round', 'heap B, present', 'heap B, gone', 'µs per leave')
for (let round = 1; round <= 3; round++) {
  const { members } = await joinAll(room, true)
  const present = (await heap()) - empty
  const leave = await leaveAll(members)
  members.length = 0
  const gone = (await heap()) - empty
  row(round, (present / MEMBERS).toFixed(0), (gone / MEMBERS).toFixed(0), leave.toFixed(1))
}
const left = Object.keys(await room.presence.list(room.endpoint, TOPIC)).length
console.log(`\nheap per member; ${left} presences left at the end`)
if (globalThis.gc === undefined) console.log('heap figures require node --expose-gc')
