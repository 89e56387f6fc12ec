import { type Broadcast, CLOSE_GOING_AWAY, DISCONNECT } from '../../protocol/index.ts'
import type { Subscriber } from '../pubsub/pubsub.ts'
import type { Socket } from './socket.ts'

/** Listens on the topic of a socket's id (ID-2). */
export class Disconnection implements Subscriber {
  readonly id = ''
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Begin to listen, until `stop`. */
  start(id: string): void {
    const standing = this.#socket.pubsub.subscribe(id, this)
    if (standing !== undefined) this.#socket.settle(standing)
  }

  stop(id: string): void {
    this.#socket.pubsub.unsubscribe(id, this)
  }

  receive(broadcast: Broadcast): void {
    if (broadcast.event === DISCONNECT) this.#socket.close(CLOSE_GOING_AWAY, 'disconnected')
  }
}
