import { randomBytes } from 'node:crypto'
import type { Nodes } from '../engine/nodes.ts'
import { Pending } from './pending.ts'

/** Milliseconds until a node that has no answer yet says so. */
const SLICE_MS = 3_000
/** Milliseconds until a node that says nothing is taken for gone. */
const SILENCE_MS = 4_500
/** Milliseconds until a node that does not ask again is taken for gone. */
const ABANDONED_MS = SLICE_MS + SILENCE_MS

/** A question to one node. */
export type LongQuestion = {
  readonly question: string
  readonly body: object
  /** Aborts when the asker waits no more; then so does the signal of the one who answers. */
  readonly signal?: AbortSignal
}
/** Answers a question. It never rejects. */
export type LongAnswer = (body: object, signal: AbortSignal) => Promise<unknown>

/** What came of a question; `lost` when that cannot be known. */
export type Outcome = { readonly answer: unknown } | 'lost'

/** The question, or only its number when it is asked again; over when the asker waits no more. */
type Slice = { readonly id: string; readonly body?: object; readonly isOver?: boolean }
/** What a slice is answered; `open` means to ask again. */
type Part = Outcome | 'open'

/**
 * Ask a node what it may take long to answer. It is asked in slices, so that its death shows in seconds:
 * undefined then, as of `Nodes.ask`.
 */
export async function askLong(
  nodes: Nodes,
  nodeId: string,
  { question, body, signal }: LongQuestion,
): Promise<Outcome | undefined> {
  const id = randomBytes(12).toString('base64url')
  const giveUp = () => nodes.tell(nodeId, question, { id, isOver: true } satisfies Slice)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    let slice: Slice = { id, body }
    for (;;) {
      // `answerLong` answers this question.
      const part = (await nodes.ask(nodeId, question, slice, SILENCE_MS)) as Part | undefined
      if (part !== 'open') return part
      if (signal?.aborted === true) return 'lost'
      slice = { id }
    }
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

/** Answer a question that others ask by `askLong`. */
export function answerLong(nodes: Nodes, question: string, answer: LongAnswer): void {
  const open = new Map<string, OpenQuestion>()
  nodes.answer(question, async (given): Promise<Part> => {
    // `askLong` asks this question.
    const { id, body, isOver } = given as Slice
    let asked = open.get(id)
    if (asked === undefined) {
      if (body === undefined) return 'lost'
      asked = new OpenQuestion((signal) => answer(body, signal))
      open.set(id, asked)
    }
    if (isOver === true) asked.giveUp()
    const part = await asked.next(() => open.delete(id))
    if (part !== 'open') open.delete(id)
    return part
  })
}

/** A question that is being answered. */
class OpenQuestion {
  readonly #asker: AbortController
  readonly #answer: Promise<unknown>
  #abandoned: NodeJS.Timeout | undefined

  constructor(answer: (signal: AbortSignal) => Promise<unknown>) {
    this.#asker = new AbortController()
    this.#answer = answer(this.#asker.signal)
  }

  /** The answer, if it comes within this slice; `onAbandoned` is called when no other slice follows. */
  async next(onAbandoned: () => void): Promise<Part> {
    const slice = new Pending<Part>(SLICE_MS, 'open')
    void this.#answer.then((answer) => slice.settle({ answer }))
    clearTimeout(this.#abandoned)
    this.#abandoned = setTimeout(() => {
      this.giveUp()
      onAbandoned()
    }, ABANDONED_MS)
    const part = await slice.promise
    if (part !== 'open') clearTimeout(this.#abandoned)
    return part
  }

  giveUp(): void {
    this.#asker.abort()
  }
}
