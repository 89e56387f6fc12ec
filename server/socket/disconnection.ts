import { type Broadcast, CLOSE_GOING_AWAY, DISCONNECT } from '../../protocol/index.ts'
import type { Subscriber } from '../pubsub/pubsub.ts'
import type { Socket } from './socket.ts'

/** Listens on the topic of a socket's id (ID-2). */
export class Disconnection implements Subscriber {
  readonly id = ''
  readonly #socket: Socket
  readonly #topic: string

  constructor(socket: Socket, topic: string) {
    this.#socket = socket
    this.#topic = topic
    const standing = socket.pubsub.subscribe(topic, this)
    if (standing !== undefined) socket.settle(standing)
  }

  receive(broadcast: Broadcast): void {
    if (broadcast.event === DISCONNECT) this.#socket.close(CLOSE_GOING_AWAY, 'disconnected')
  }

  stop(): void {
    this.#socket.pubsub.unsubscribe(this.#topic, this)
  }
}
