/**
 * State of a message in the outbox. A `queued` message waits for the join, a `sending` message has been pushed, an
 * `unconfirmed` message may be lost, and a `refused` message was refused by the server.
 */
export type SendState = 'queued' | 'sending' | 'unconfirmed' | 'refused'

/** A message that the user wrote and whose broadcast has not come back from the server yet. */
export type Send = {
  /** Id of the message. Its broadcast has the same id, and a retry sends the same id again. */
  readonly id: string
  readonly body: string
  readonly state: SendState
  /** Reason for the state `unconfirmed` or `refused`, as a sentence. Empty in the other two states. */
  readonly reason: string
}

/** The user's messages to one room that are not confirmed yet, in the order in which the user wrote them. */
export class Outbox {
  #sends: readonly Send[] = []

  get sends(): readonly Send[] {
    return this.#sends
  }

  /** Queue a message. */
  add(id: string, body: string): void {
    this.#sends = [...this.#sends, { id, body, state: 'queued', reason: '' }]
  }

  /** Mark all queued messages as `sending`, and return these messages. */
  take(): readonly Send[] {
    const isQueued = (send: Send) => send.state === 'queued'
    const ids = new Set(this.#sends.filter(isQueued).map(({ id }) => id))
    this.#sends = this.#sends.map((send) => (ids.has(send.id) ? { ...send, state: 'sending' } : send))
    return this.#sends.filter(({ id }) => ids.has(id))
  }

  /** Queue an `unconfirmed` or `refused` message again. Only these two states have a `reason`. */
  requeue(id: string): void {
    this.#sends = this.#sends.map((send) =>
      send.id === id && send.reason !== '' ? { ...send, state: 'queued', reason: '' } : send,
    )
  }

  /** Record that one attempt failed. Does nothing if the send was confirmed, retried or removed in the meantime. */
  fail(attempt: Send, state: 'unconfirmed' | 'refused', reason: string): void {
    this.#sends = this.#sends.map((send) => (send === attempt ? { ...send, state, reason } : send))
  }

  /** Mark all `sending` messages as `unconfirmed`, because it is unknown whether the server received them. */
  doubt(reason: string): void {
    this.#sends = this.#sends.map((send) =>
      send.state === 'sending' ? { ...send, state: 'unconfirmed', reason } : send,
    )
  }

  /** Remove a message in any state, because its broadcast came back or the user discards it. */
  remove(id: string): void {
    this.#sends = this.#sends.filter((send) => send.id !== id)
  }
}
