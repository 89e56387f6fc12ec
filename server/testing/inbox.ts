import { difference, show } from './expected.ts'
import { type Called, failureOf, told } from './failures.ts'
import { afterRealMs } from './turns.ts'

/**
 * Event of an arrival: the event name of a message, or a symbol for an arrival without an event name. Failures show the
 * symbol's description.
 */
type ArrivalEvent = string | symbol
type Arrival = {
  readonly inbox: Inbox
  readonly event: ArrivalEvent
  /** Start of the arrival's line in a failure. */
  readonly name: string
  readonly payload: unknown
  isTaken: boolean
}

/** Arrivals of several inboxes, in order. A failure of one inbox also lists the arrivals of the others (`isShown`). */
export class ArrivalLog {
  readonly arrivals: Arrival[] = []
}

export type InboxOptions = {
  /** Log that the inbox shares with other inboxes. Default: a log of its own. */
  readonly log?: ArrivalLog
  /** Whether failures of the other inboxes of the log list the arrivals of this inbox. Default: true. */
  readonly isShown?: boolean
}

/** Fields and methods of an endpoint that an inbox needs. */
export type InboxHost = {
  /** Maximum time to wait for an expected arrival, in real milliseconds, even with fake timers. */
  readonly timeout: number
  /** Resolves when all pending callbacks have run. */
  settled(): Promise<void>
  /** Lines to add to a failure's message, such as errors of callbacks. */
  notes(): readonly string[]
  /** Called when an event has been added to the inbox. */
  arrived(): void
}

/** Expected arrival: its event, and its payload if given. */
export type Wanted = {
  readonly event: ArrivalEvent
  readonly expected?: unknown
  /** Start of the failure's message, such as `room:lobby did not end`. Default: a text such as `no … came`. */
  readonly failed?: string
  /** Method that the test called. The stack of a failure begins at the test's call of this method. */
  readonly from: Called
}

/** Arrivals of one kind, in order, like the mailbox of an Erlang process. */
export class Inbox {
  /** Kind of the arrivals, such as `push to room:lobby`. */
  readonly #kind: string
  readonly #host: InboxHost
  readonly #log: ArrivalLog
  readonly #isShown: boolean
  readonly #waiting: Set<() => void>

  constructor(kind: string, host: InboxHost, { log = new ArrivalLog(), isShown = true }: InboxOptions = {}) {
    this.#kind = kind
    this.#host = host
    this.#log = log
    this.#isShown = isShown
    this.#waiting = new Set()
  }

  /** Add an arrival. `name` is the start of its line in a failure. */
  add(event: ArrivalEvent, payload: unknown, name = nameOf(event)): void {
    this.#log.arrivals.push({ inbox: this, event, name, payload, isTaken: false })
    this.#host.arrived()
    for (const look of [...this.#waiting]) look()
  }

  /**
   * Return the payload of the first matching arrival that no earlier call has returned. If necessary, wait for a
   * matching arrival. @throws ExpectationError when no matching event arrives in time.
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

  /**
   * Wait until all pending callbacks have run, and check that no arrival matches. Ignores arrivals that `next` has
   * returned.
   * @throws ExpectationError when there is a matching arrival.
   */
  async refute(wanted: Wanted): Promise<void> {
    const error = failureOf(wanted.from)
    await this.#host.settled()
    const found = this.#find(wanted)
    if (found === undefined) return
    const words = typeof wanted.event === 'string' ? `: ${wordsFor(wanted)}` : ''
    throw told(error, [`unexpected ${this.#kind}${words}`, ...this.#list(wanted)].join('\n'))
  }

  #take(wanted: Wanted): Arrival | null {
    const found = this.#find(wanted)
    if (found === undefined) return null
    found.isTaken = true
    return found
  }

  #find(wanted: Wanted): Arrival | undefined {
    return this.#log.arrivals.find(
      (arrival) => arrival.inbox === this && !arrival.isTaken && fits(wanted, arrival),
    )
  }

  #missing(wanted: Wanted): string {
    const { event, failed } = wanted
    // If an earlier call has matched such an event, the list shows the event, and "did not end" would contradict it.
    const isRepeated =
      failed !== undefined &&
      this.#log.arrivals.some((each) => each.inbox === this && each.isTaken && each.event === event)
    const what = (failed ?? this.#failed(wanted)) + (isRepeated ? ' a second time' : '')
    const head = `${what} within ${this.#host.timeout} ms`
    return [head, ...this.#list(wanted), ...this.#host.notes()].join('\n')
  }

  #failed(wanted: Wanted): string {
    const { event, expected } = wanted
    if (typeof event === 'string') return `no ${this.#kind} that matches ${wordsFor(wanted)} came`
    return expected === undefined ? `no ${this.#kind} came` : `no ${this.#kind} matched ${show(expected)}`
  }

  #list(wanted: Wanted): string[] {
    const arrivals = this.#log.arrivals.filter(({ inbox }) => inbox === this || inbox.#isShown)
    if (arrivals.length === 0) return wanted.failed === undefined ? ['nothing came'] : []
    const lines = arrivals.map((arrival, index) => {
      const { name, payload } = arrival
      return `  ${index + 1}. ${name} ${show(payload)}${this.#noteOn(wanted, arrival)}`
    })
    return ['what came, in order:', ...lines]
  }

  #noteOn(wanted: Wanted, { inbox, isTaken, event, payload }: Arrival): string {
    if (isTaken) return '   (already matched by an earlier call)'
    if (inbox !== this || event !== wanted.event) return ''
    const words = wanted.expected === undefined ? null : difference(wanted.expected, payload)
    return words === null ? '   <- this one' : `\n       ${words}`
  }
}

function wordsFor({ event, expected }: Wanted): string {
  return expected === undefined ? nameOf(event) : `${nameOf(event)} ${show(expected)}`
}

function nameOf(event: ArrivalEvent): string {
  return typeof event === 'string' ? `"${event}"` : `${event.description}:`
}

function fits({ event, expected }: Wanted, arrival: Arrival): boolean {
  if (event !== arrival.event) return false
  return expected === undefined || difference(expected, arrival.payload) === null
}
