// Load generator: a process that the benchmark forks and controls.
import { answer } from '../answer.mjs'
import { quantiles } from '../stats.mjs'
import { Echoing } from './echoing.mjs'
import { join } from './join.mjs'
import { Publishing } from './publishing.mjs'

/** @type {import('./join.mjs').Room[]} */
let rooms = []

const connections = () => rooms.flatMap((room) => room.connections)

answer({
  async join(/** @type {import('./join.mjs').JoinRequest} */ request) {
    const { latencies, milliseconds, ...joined } = await join({ firstRoom: rooms.length, ...request })
    rooms.push(...joined.rooms)
    const [p50, p99] = quantiles(latencies, [0.5, 0.99])
    return { units: latencies.length, milliseconds, p50, p99 }
  },
  publish: (/** @type {import('./publishing.mjs').PublishRequest} */ request) =>
    new Publishing(rooms, request).run(),
  echo: (/** @type {import('./echoing.mjs').EchoRequest} */ request) =>
    new Echoing(connections(), request).run(),
  alive: () => connections().filter((connection) => connection.isJoined).length,
  leave() {
    for (const connection of connections()) connection.close()
    rooms = []
  },
})
