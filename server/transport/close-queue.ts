import type { Socket as NetSocket } from 'node:net'
import type { BurstQueue, QueueEntry } from '../limits/burst-queue.ts'

// Problem: when a network breaks, many clients end their connections in one event-loop turn. `ws` closes each of these
// connections immediately, so the burst of closes would block all other clients (LIMIT-4).
//
// Approach: the `end` listener of `ws` is replaced by a listener that closes the connection through a `BurstQueue`. If
// a version of `ws` gives its listener another name, the listener stays, and `ws` closes the connection itself.

const QUEUE = Symbol('phoenix.close-queue')
type QueuedSocket = NetSocket & { [QUEUE]?: BurstQueue }

/**
 * Closes the TCP connection of a WebSocket when the client ends the connection. A burst of closes is spread over
 * several event-loop turns.
 */
export class CloseQueue {
  readonly #queue: BurstQueue
  /** The `end` listener of `ws`; null until it is found. All connections of `ws` share this function. */
  #wsListener: (() => void) | null

  constructor(queue: BurstQueue) {
    this.#queue = queue
    this.#wsListener = null
  }

  /** Add a connection. When the client ends its side, the queue (not `ws`) closes the connection. */
  add(net: NetSocket): void {
    if (this.#wsListener === null || net.listenerCount('end', this.#wsListener) === 0) {
      this.#wsListener = findListener(net)
    }
    if (this.#wsListener === null) return
    net.off('end', this.#wsListener)
    const queued: QueuedSocket = net
    queued[QUEUE] = this.#queue
    net.on('end', onEnd)
  }
}

function findListener(net: NetSocket): (() => void) | null {
  // The cast is safe: `socketOnEnd` of `ws` takes no arguments. Node's type of each listener is only `Function`.
  const found = net.listeners('end').find(({ name }) => name === 'socketOnEnd')
  return (found as (() => void) | undefined) ?? null
}

// All connections share this listener, to save memory.
function onEnd(this: QueuedSocket): void {
  this[QUEUE]?.enter(new EndedConnection(this))
}

/** Queued connection that waits to be closed, because the client has ended its side. */
class EndedConnection implements QueueEntry {
  readonly #net: NetSocket

  constructor(net: NetSocket) {
    this.#net = net
  }

  hold(): void {}

  start(): void {
    // Send the unsent bytes first, because the client may still read.
    if (this.#net.writableLength > 0) this.#net.end()
    else this.#net.destroy()
  }

  refuse(): void {
    this.start()
  }
}
