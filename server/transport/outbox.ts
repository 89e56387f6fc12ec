/** Connection whose queued bytes can be flushed. */
export interface Flushable {
  flush(): void
}

/**
 * Connections that have queued bytes. When the first connection is added, `setImmediate` schedules a flush of all
 * connections at the end of the event-loop turn.
 */
export class Outbox {
  #dirty: Flushable[]

  constructor() {
    this.#dirty = []
  }

  /** Flush a connection with `setImmediate`. A connection must not be added again before it is flushed. */
  add(connection: Flushable): void {
    if (this.#dirty.length === 0) setImmediate(flush, this)
    this.#dirty.push(connection)
  }

  /** Flush all connections now. */
  flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) connection.flush()
  }
}

function flush(outbox: Outbox): void {
  outbox.flush()
}
