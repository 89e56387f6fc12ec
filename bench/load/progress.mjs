/** Detects the end of a phase: a call of `finish`, or no progress for a while. */
export class Progress {
  /** Counter that is incremented at every progress. */
  count = 0
  #seen = 0
  #resolve = () => {}
  #timer

  /** @param {number} stallAfter milliseconds without a change of `count` after which the phase is given up */
  constructor(stallAfter) {
    /** @type {Promise<void>} */
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#timer = setInterval(() => this.#look(), stallAfter)
  }

  finish() {
    clearInterval(this.#timer)
    this.#resolve()
  }

  #look() {
    if (this.count === this.#seen) this.finish()
    this.#seen = this.count
  }
}
