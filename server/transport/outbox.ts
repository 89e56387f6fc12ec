/** Something that has bytes to write at the end of the turn. */
export interface Flushable {
  flush(): void
}

/**
 * The connections of one endpoint that have something to write. All of them are flushed once, in the
 * check phase of the turn in which the first became dirty: no timer, and no tick per connection.
 */
export class Outbox {
  #dirty: Flushable[]

  constructor() {
    this.#dirty = []
  }

  /** Flush this connection at the end of the turn. The caller adds itself once per flush. */
  add(connection: Flushable): void {
    if (this.#dirty.length === 0) setImmediate(flush, this)
    this.#dirty.push(connection)
  }

  /** Flush all now. */
  flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) connection.flush()
  }
}

function flush(outbox: Outbox): void {
  outbox.flush()
}
