/** The end of a phase: somebody calls `finish`, or nothing moved for a while. */
export class Progress {
  /** Raised by whoever sees something happen. */
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
