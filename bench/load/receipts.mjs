/** Counts each message of a topic for one connection, so that a loss and a duplicate never cancel out. */
export class Receipts {
  #times
  #highest = -1
  #misordered = 0
  #doubled = 0

  /** @param {number} messages number of messages that will be sent */
  constructor(messages) {
    this.#times = new Uint8Array(messages)
  }

  /**
   * Counts one delivery. Returns false for a duplicate or a message that was never sent.
   * @param {number} sequence
   */
  take(sequence) {
    const isFirst = this.#times[sequence] === 0
    if (!isFirst) this.#doubled++
    else if (sequence < this.#highest) this.#misordered++
    else this.#highest = sequence
    this.#times[sequence] = 1
    return isFirst
  }

  /** Returns the counts. @param {number} sent number of messages that were sent */
  summary(sent) {
    let lost = 0
    for (let sequence = 0; sequence < sent; sequence++) if (this.#times[sequence] === 0) lost++
    return { lost, doubled: this.#doubled, misordered: this.#misordered }
  }
}
