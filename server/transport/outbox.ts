/** Connection whose queued bytes can be flushed. */
export interface Flushable {
  flush(): void
}

/**
 * Connections that have queued bytes. All connections of an outbox are flushed together, in the check phase of the
 * event-loop turn in which the first connection was added. So a connection needs no timer of its own.
 */
export class Outbox {
  #dirty: Flushable[]

  constructor() {
    this.#dirty = []
  }

  /** Flush a connection in the check phase. A connection must not add itself again before it is flushed. */
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
