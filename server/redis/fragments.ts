import { Deadlines } from './deadlines.ts'

/** Header of a fragment, for reassembly and acknowledgement. */
type Header = {
  readonly from: string
  readonly index: number
  readonly isLast: boolean
  readonly ack?: readonly [nodeId: string, offset: number]
}

/** First byte of a fragment. A message that is not split is JSON and begins with a brace. */
const FRAGMENT = 0x01
const LINE_FEED = 0x0a
/** Milliseconds after which a missing fragment counts as lost. */
const LOST_MS = 10_000

export type Fragment = { readonly header: Header; readonly bytes: Buffer }

/** Encode a part of a long message: the header as a line of JSON, then the bytes. */
export function encodeFragment({ header, bytes }: Fragment): Buffer {
  return Buffer.concat([Buffer.of(FRAGMENT), Buffer.from(`${JSON.stringify(header)}\n`), bytes])
}

/** Decode a fragment. Returns null for a message that is not split. */
export function decodeFragment(message: Buffer): Fragment | null {
  if (message[0] !== FRAGMENT) return null
  const end = message.indexOf(LINE_FEED)
  // The cast is safe: only nodes of this cluster send fragments.
  const header = JSON.parse(message.toString('utf8', 1, end)) as Header
  return { header, bytes: message.subarray(end + 1) }
}

/** Reassembles split messages. The fragments of one node arrive in order, one message at a time. */
export class Fragments {
  readonly #parts: Map<string, Buffer[]>
  readonly #waiting: Deadlines<string>

  constructor() {
    this.#parts = new Map()
    this.#waiting = new Deadlines(LOST_MS, (from) => this.#parts.delete(from))
  }

  /** Add a fragment. If the fragment completes a message, returns the whole message. If not, returns null. */
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

  /** Returns true if a message from the node `from` has arrived only in part. */
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
