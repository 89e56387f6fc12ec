import { randomBytes } from 'node:crypto'
import type { Nodes } from '../engine/nodes.ts'
import { Pending } from './pending.ts'

/** Milliseconds until a node that has no answer yet says so. */
const SLICE_MS = 3_000
/** Milliseconds until a node that says nothing is asked whether it is there. */
const SILENCE_MS = 3_500
/** Milliseconds until one that does not answer that is taken for gone. */
const SIGN_MS = 1_400
/** Milliseconds until a node that does not ask again is taken for gone. */
const ABANDONED_MS = SLICE_MS + SILENCE_MS + SIGN_MS

/** A question to one node. */
export type LongQuestion = {
  readonly question: string
  readonly body: object
  /** Aborts when the asker waits no more; then so does the signal of the one who answers. */
  readonly signal?: AbortSignal
  /** Is called when the node has the body. */
  readonly received?: () => void
}
/** Answers a question. It never rejects. */
export type LongAnswer = (body: object, signal: AbortSignal) => Promise<unknown>

/** What came of a question; `lost` when that cannot be known. */
export type Outcome = { readonly answer: unknown } | 'lost'

/**
 * The question, or only its number when it is asked again; over when the asker waits no more. `isSign` asks
 * only whether the node is there and has the question.
 */
type Slice = {
  readonly id: string
  readonly body?: object
  readonly isOver?: boolean
  readonly isSign?: boolean
}
/** What a slice is answered; `open` means to ask again. */
type Part = Outcome | 'open'

/**
 * Ask a node what it may take long to answer. It is asked in slices, so that its death shows in seconds:
 * undefined then, as of `Nodes.ask`. A slice or its answer may be lost on the way while the node lives: one
 * that shows a sign of life is not gone.
 */
export async function askLong(
  nodes: Nodes,
  nodeId: string,
  { question, body, signal, received }: LongQuestion,
): Promise<Outcome | undefined> {
  const id = randomBytes(12).toString('base64url')
  const giveUp = () => nodes.tell(nodeId, question, { id, isOver: true } satisfies Slice)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    let slice: Slice = { id, body }
    for (;;) {
      // `answerLong` answers this question.
      const asked = (await nodes.ask(nodeId, question, slice, SILENCE_MS)) as Part | undefined
      const part = asked ?? (await askForSign(nodes, nodeId, { question, id }))
      if (part !== 'open') return part
      received?.()
      if (signal?.aborted === true) return 'lost'
      slice = { id }
    }
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

/** After a silence: undefined if the node is gone. */
async function askForSign(
  nodes: Nodes,
  nodeId: string,
  { question, id }: { question: string; id: string },
): Promise<Part | undefined> {
  const slice: Slice = { id, isSign: true }
  return (await nodes.ask(nodeId, question, slice, SIGN_MS)) as Part | undefined
}

/**
 * Answer a question that others ask by `askLong`. One that has no answer after `firstMs` milliseconds is said
 * to be open: whoever holds back other questions until this one is received should not wait long.
 */
export function answerLong(
  nodes: Nodes,
  question: string,
  answer: LongAnswer,
  firstMs: number = SLICE_MS,
): void {
  const open = new Map<string, OpenQuestion>()
  nodes.answer(question, async (given): Promise<Part> => {
    // `askLong` asks this question.
    const { id, body, isOver, isSign } = given as Slice
    let asked = open.get(id)
    if (isSign === true) return asked === undefined ? 'lost' : 'open'
    if (asked === undefined) {
      if (body === undefined) return 'lost'
      asked = new OpenQuestion((signal) => answer(body, signal))
      open.set(id, asked)
    }
    if (isOver === true) asked.giveUp()
    const part = await asked.next(body === undefined ? SLICE_MS : firstMs, () => open.delete(id))
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
  async next(ms: number, onAbandoned: () => void): Promise<Part> {
    const slice = new Pending<Part>(ms, 'open')
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
