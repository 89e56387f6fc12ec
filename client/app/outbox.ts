/** How far a send has come: waiting for the room, pushed, perhaps lost, or turned down by the server. */
export type SendState = 'queued' | 'sending' | 'unconfirmed' | 'refused'

/** A message of the user's that the server has not repeated yet. */
export type Send = {
  /** Goes out with the message and comes back with its broadcast. A retry keeps it. */
  readonly id: string
  readonly body: string
  readonly state: SendState
  /** Why it is unconfirmed or refused, as a sentence; otherwise empty. */
  readonly reason: string
}

/** The sends of one room that are not confirmed, in the order of writing. */
export class Outbox {
  #sends: readonly Send[] = []

  get sends(): readonly Send[] {
    return this.#sends
  }

  /** Queue a message. */
  add(id: string, body: string): void {
    this.#sends = [...this.#sends, { id, body, state: 'queued', reason: '' }]
  }

  /** Mark everything queued as sent; gives these sends. */
  take(): readonly Send[] {
    const isQueued = (send: Send) => send.state === 'queued'
    const ids = new Set(this.#sends.filter(isQueued).map(({ id }) => id))
    this.#sends = this.#sends.map((send) => (ids.has(send.id) ? { ...send, state: 'sending' } : send))
    return this.#sends.filter(({ id }) => ids.has(id))
  }

  /** Queue a send again that is unconfirmed or refused. */
  requeue(id: string): void {
    this.#sends = this.#sends.map((send) =>
      send.id === id && send.reason !== '' ? { ...send, state: 'queued', reason: '' } : send,
    )
  }

  /** Settle one attempt; has no effect if the send was confirmed, retried or removed in the meantime. */
  fail(attempt: Send, state: 'unconfirmed' | 'refused', reason: string): void {
    this.#sends = this.#sends.map((send) => (send === attempt ? { ...send, state, reason } : send))
  }

  /** Whether the server got what is being sent is not known any more. */
  doubt(reason: string): void {
    this.#sends = this.#sends.map((send) =>
      send.state === 'sending' ? { ...send, state: 'unconfirmed', reason } : send,
    )
  }

  /** Take a send out, whatever its state: its echo came, or the user discards it. */
  remove(id: string): void {
    this.#sends = this.#sends.filter((send) => send.id !== id)
  }
}
