import type { Socket as NetSocket } from 'node:net'
import type { BurstQueue, QueueEntry } from '../limits/burst-queue.ts'

const ADMISSION = Symbol('phoenix.departures')
type Followed = NetSocket & { [ADMISSION]?: BurstQueue }

/** The listener of `ws`, the same for all its connections: looked for once. */
let listenerOfWs: (() => void) | null = null

/**
 * End a WebSocket's connection when its client has, in its turn. `ws` does so at once: when a network breaks,
 * all its clients go in one turn of the event loop, and closing them takes several times as long as hearing of
 * it (LIMIT-4). A `ws` whose listener has another name goes on as it does.
 */
export function followDeparture(net: NetSocket, admission: BurstQueue): void {
  if (listenerOfWs === null || net.listenerCount('end', listenerOfWs) === 0) listenerOfWs = findListener(net)
  if (listenerOfWs === null) return
  net.off('end', listenerOfWs)
  const followed: Followed = net
  followed[ADMISSION] = admission
  net.on('end', onEnd)
}

function findListener(net: NetSocket): (() => void) | null {
  // It is called as the listener that it is: the type of `listeners` does not say so.
  const found = net.listeners('end').find(({ name }) => name === 'socketOnEnd')
  return (found as (() => void) | undefined) ?? null
}

// The same listener for every connection.
function onEnd(this: Followed): void {
  this[ADMISSION]?.enter(new Departure(this))
}

/** A connection to which its client writes no more. */
class Departure implements QueueEntry {
  readonly #net: NetSocket

  constructor(net: NetSocket) {
    this.#net = net
  }

  hold(): void {}

  start(): void {
    // What is on its way still has a reader, perhaps.
    if (this.#net.writableLength > 0) this.#net.end()
    else this.#net.destroy()
  }

  refuse(): void {
    this.start()
  }
}
