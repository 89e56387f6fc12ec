import { Deadlines } from './deadlines.ts'

/** What another node needs to put a message together again, and to acknowledge it. */
type Header = {
  readonly from: string
  readonly index: number
  readonly isLast: boolean
  readonly ack?: readonly [nodeId: string, offset: number]
}

/** The first byte; that of a message in one piece is the brace of its JSON. */
const FRAGMENT = 0x01
const LINE_FEED = 0x0a
/** Milliseconds after which the next fragment is not coming. */
const LOST_MS = 10_000

export type Fragment = { readonly header: Header; readonly bytes: Buffer }

/** A part of a message too long to be sent at once: a header as a line of JSON, then bytes. */
export function encodeFragment({ header, bytes }: Fragment): Buffer {
  return Buffer.concat([Buffer.of(FRAGMENT), Buffer.from(`${JSON.stringify(header)}\n`), bytes])
}

/** Null for a message in one piece. */
export function decodeFragment(message: Buffer): Fragment | null {
  if (message[0] !== FRAGMENT) return null
  const end = message.indexOf(LINE_FEED)
  // Only nodes of this cluster write to these channels.
  const header = JSON.parse(message.toString('utf8', 1, end)) as Header
  return { header, bytes: message.subarray(end + 1) }
}

/** Puts messages together again. Those of one node arrive one after the other. */
export class Fragments {
  readonly #parts: Map<string, Buffer[]>
  readonly #waiting: Deadlines<string>

  constructor() {
    this.#parts = new Map()
    this.#waiting = new Deadlines(LOST_MS, (from) => this.#parts.delete(from))
  }

  /** The whole message, if this was its last part and none was lost. */
  take({ header: { from, index, isLast }, bytes }: Fragment): Buffer | null {
    const parts = index === 0 ? [] : this.#parts.get(from)
    if (parts === undefined || parts.length !== index) return this.#forget(from)
    parts.push(bytes)
    if (isLast) {
      this.#forget(from)
      return Buffer.concat(parts)
    }
    this.#parts.set(from, parts)
    this.#waiting.add(from)
    return null
  }

  /** The rest of a message of that node is on its way. */
  isArriving(from: string): boolean {
    return this.#parts.has(from)
  }

  clear(): void {
    this.#parts.clear()
    this.#waiting.clear()
  }

  #forget(from: string): null {
    this.#parts.delete(from)
    this.#waiting.delete(from)
    return null
  }
}
