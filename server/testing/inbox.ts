import { difference, show } from './expected.ts'
import { type Called, failureOf, told } from './failures.ts'
import { afterRealMs } from './turns.ts'

type Arrival = { readonly event: string; readonly payload: unknown; isTaken: boolean }

/** The part of an endpoint that an inbox needs. */
export type InboxHost = {
  /** Real milliseconds that something expected may take to come. */
  readonly timeout: number
  /** Resolves when everything that is due has run. */
  settled(): Promise<void>
  /** Lines for the end of a failure: what callbacks threw, and the like. */
  notes(): readonly string[]
  /** Something has arrived. */
  arrived(): void
}

/** An expected arrival: its event, and its payload if that is given. */
export type Wanted = {
  readonly event: string
  readonly expected?: unknown
  /** The method that the test has called: a failure's stack begins where it did. */
  readonly from: Called
}

/** Everything of one kind that has come, in order, as a process of Erlang has its mailbox. */
export class Inbox {
  /** E.g. `push to room:lobby`. */
  readonly #kind: string
  readonly #host: InboxHost
  readonly #arrivals: Arrival[]
  readonly #waiting: Set<() => void>

  constructor(kind: string, host: InboxHost) {
    this.#kind = kind
    this.#host = host
    this.#arrivals = []
    this.#waiting = new Set()
  }

  add(event: string, payload: unknown): void {
    this.#arrivals.push({ event, payload, isTaken: false })
    this.#host.arrived()
    for (const look of [...this.#waiting]) look()
  }

  /**
   * Take the first arrival that fits and was not taken before, or wait for it.
   * @throws ExpectationError when none has come in time.
   */
  next(wanted: Wanted): Promise<unknown> {
    const found = this.#take(wanted)
    if (found !== null) return Promise.resolve(found.payload)
    const error = failureOf(wanted.from)
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#take(wanted)
        if (found === null) return
        this.#waiting.delete(look)
        cancel()
        resolve(found.payload)
      }
      const cancel = afterRealMs(this.#host.timeout, () => {
        this.#waiting.delete(look)
        reject(told(error, this.#missing(wanted)))
      })
      this.#waiting.add(look)
    })
  }

  /** @throws ExpectationError when something that fits has come and was not taken, once all that is due has run. */
  async refute(wanted: Wanted): Promise<void> {
    const error = failureOf(wanted.from)
    await this.#host.settled()
    const found = this.#arrivals.find((arrival) => isOpen(arrival) && fits(wanted, arrival))
    if (found === undefined) return
    throw told(error, [`unexpected ${this.#kind}: ${this.#words(wanted)}`, ...this.#list(wanted)].join('\n'))
  }

  #take(wanted: Wanted): Arrival | null {
    const found = this.#arrivals.find((arrival) => isOpen(arrival) && fits(wanted, arrival))
    if (found === undefined) return null
    found.isTaken = true
    return found
  }

  #missing(wanted: Wanted): string {
    const head = `no ${this.#kind} came within ${this.#host.timeout} ms that fits ${this.#words(wanted)}`
    return [head, ...this.#list(wanted), ...this.#host.notes()].join('\n')
  }

  #words({ event, expected }: Wanted): string {
    return expected === undefined ? `"${event}"` : `"${event}" ${show(expected)}`
  }

  #list(wanted: Wanted): string[] {
    if (this.#arrivals.length === 0) return ['nothing came']
    const lines = this.#arrivals.map((arrival, index) => {
      const { event, payload, isTaken } = arrival
      const note = isTaken ? '   (taken before)' : why(wanted, arrival)
      return `  ${index + 1}. "${event}" ${show(payload)}${note}`
    })
    return ['what came, in order:', ...lines]
  }
}

function isOpen({ isTaken }: Arrival): boolean {
  return !isTaken
}

function fits({ event, expected }: Wanted, arrival: Arrival): boolean {
  if (event !== arrival.event) return false
  return expected === undefined || difference(expected, arrival.payload) === null
}

/** Why an arrival of the wanted event is not the wanted one. */
function why({ event, expected }: Wanted, arrival: Arrival): string {
  if (event !== arrival.event) return ''
  const words = expected === undefined ? null : difference(expected, arrival.payload)
  return words === null ? '   <- this one' : `\n       ${words}`
}
