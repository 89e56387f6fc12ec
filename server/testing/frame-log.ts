import type { Direction, WireMessage } from './client-codec.ts'
import { show } from './expected.ts'

/** Logged frame of a fake server. */
export type LoggedFrame = WireMessage & {
  /** Side that sent the frame. */
  readonly from: Direction
  /** Milliseconds since the server started. */
  readonly at: number
  /** Number of the connection, starting at 1. */
  readonly connection: number
  /** `sent`: the frame was sent once; `lost`: it was not sent; `duplicated`: it was sent twice. */
  readonly fate: 'sent' | 'lost' | 'duplicated'
  /** Text or bytes of the frame, as on the wire. */
  readonly data: string | Uint8Array
}

/** Log entry for the start or the end of a connection. */
type ConnectionEntry = { readonly at: number; readonly connection: number; readonly words: string }

const ARROWS = { client: '->', server: '<-' } as const

/** Frames that a fake server has received and sent, in order. */
export class FrameLog {
  readonly frames: LoggedFrame[]
  readonly #entries: (LoggedFrame | ConnectionEntry)[]
  readonly #startedAt: number

  constructor() {
    this.frames = []
    this.#entries = []
    this.#startedAt = performance.now()
  }

  add(frame: Omit<LoggedFrame, 'at'>): void {
    const logged = { ...frame, at: this.#now() }
    this.frames.push(logged)
    this.#entries.push(logged)
  }

  note(connection: number, words: string): void {
    this.#entries.push({ at: this.#now(), connection, words })
  }

  /** Text with one line for each frame, and for each start or end of a connection. */
  toString(): string {
    return this.#entries
      .map((entry) => `${head(entry)}${'words' in entry ? entry.words : line(entry)}`)
      .join('\n')
  }

  #now(): number {
    return Math.round(performance.now() - this.#startedAt)
  }
}

function head({ at, connection }: ConnectionEntry | LoggedFrame): string {
  return `${String(at).padStart(6)} ms  #${connection}  `
}

function line({ from, joinRef, ref, topic, event, payload, fate }: LoggedFrame): string {
  const refs = `[${String(joinRef ?? '-')} ${String(ref ?? '-')}]`
  const note = fate === 'sent' ? '' : `   (${fate})`
  return `${ARROWS[from]} ${refs} ${String(topic)} ${String(event)} ${show(payload)}${note}`
}
