/** A message on its way: the server has not echoed it yet, or it failed and waits for the user. */
export type Send = {
  readonly id: number
  readonly body: string
  /** Why it failed, as a sentence; null while it is pending. */
  readonly failure: string | null
}

/** The sends of one room that are not confirmed, in the order of sending. */
export class Outbox {
  #sends: readonly Send[] = []
  #lastId = 0

  get sends(): readonly Send[] {
    return this.#sends
  }

  get pending(): readonly Send[] {
    return this.#sends.filter((send) => send.failure === null)
  }

  add(body: string): Send {
    this.#lastId += 1
    const send = { id: this.#lastId, body, failure: null }
    this.#sends = [...this.#sends, send]
    return send
  }

  /** True if this message from the server is the echo of a send, which is then done with. */
  confirm(body: string): boolean {
    // Echoes come in the order of sending, so the same text of somebody else is seldom taken for one.
    const oldest = this.pending[0]
    if (oldest?.body !== body) return false
    this.remove(oldest.id)
    return true
  }

  /** Does nothing if the send was confirmed, retried or removed meanwhile. */
  fail(id: number, failure: string): void {
    this.#sends = this.#sends.map((send) => (send.id === id ? { ...send, failure } : send))
  }

  failPending(failure: string): void {
    this.#sends = this.#sends.map((send) => (send.failure === null ? { ...send, failure } : send))
  }

  /** Take a failed send out of the outbox to send or drop it; its id is never used again. */
  remove(id: number): Send | null {
    const removed = this.#sends.find((send) => send.id === id) ?? null
    this.#sends = this.#sends.filter((send) => send !== removed)
    return removed
  }
}
