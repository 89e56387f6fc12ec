import { randomBytes } from 'node:crypto'
import type { Nodes } from '../engine/nodes.ts'
import { Deferred } from './deferred.ts'

// Problem: a node (the asker) asks another node a question whose answer may take long, because a poll waits for
// messages. However, if the other node dies, the asker must notice this within seconds.
//
// Approach: the asker sends a series of short requests, called slices. The first slice contains the question. A node
// that has no answer within a few seconds replies `open`, and the asker sends the next slice. If a node does not reply
// at all, the asker sends one more slice, only for a sign of life. If there is no reply to that slice either, the node
// counts as gone.
//
// Invariant: the body of the question is sent at most once, and the question is answered at most once. An unknown
// outcome is reported as `lost`.

/** Milliseconds until a node without an answer replies `open`. */
const QUESTION_SLICE_MS = 3_000
/** Milliseconds until a silent node is asked for a sign of life. */
const SILENCE_MS = 3_500
/** Milliseconds until a node that gives no sign of life counts as gone. */
const SIGN_MS = 1_400
/** Milliseconds until an asker that sends no further slice counts as gone. */
const ABANDONED_MS = QUESTION_SLICE_MS + SILENCE_MS + SIGN_MS

/** Question to one node. */
export type LongQuestion = {
  readonly question: string
  readonly body: object
  /** Aborts when the asker no longer waits for the answer. This also aborts the signal that `LongAnswer` got. */
  readonly signal?: AbortSignal
  /** Called when the node has received the body. */
  readonly received?: () => void
}
/** Function that answers a question. It never rejects. */
export type LongAnswer = (body: object, signal: AbortSignal) => Promise<unknown>

/** Outcome of a question. `lost` means that it is unknown whether the asked node has acted on the question. */
export type QuestionOutcome = { readonly answer: unknown } | 'lost'

/**
 * Request of one slice. Only the first request has the body. `isOver` means that the asker no longer waits. `isSign`
 * means that the request only asks whether the node is alive and has the question.
 */
type Slice = {
  readonly id: string
  readonly body?: object
  readonly isOver?: boolean
  readonly isSign?: boolean
}
/** Answer to a slice; `open` means that the answer is still to come. */
type SliceAnswer = QuestionOutcome | 'open'

/**
 * Ask a node a question that may take long to answer. Returns undefined, as `Nodes.ask` does, if the node is gone. If a
 * slice or its answer gets lost, the node is asked for a sign of life, and counts as gone only if it gives none.
 */
export async function askLong(
  nodes: Nodes,
  nodeId: string,
  { question, body, signal, received }: LongQuestion,
): Promise<QuestionOutcome | undefined> {
  const id = randomBytes(12).toString('base64url')
  const giveUp = () => nodes.tell(nodeId, question, { id, isOver: true } satisfies Slice)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    let slice: Slice = { id, body }
    for (;;) {
      // A cast: `answerLong` answers this question.
      const asked = (await nodes.ask(nodeId, question, slice, SILENCE_MS)) as SliceAnswer | undefined
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

/** Ask a silent node for a sign of life. Returns undefined if the node is gone. */
async function askForSign(
  nodes: Nodes,
  nodeId: string,
  { question, id }: { question: string; id: string },
): Promise<SliceAnswer | undefined> {
  const slice: Slice = { id, isSign: true }
  return (await nodes.ask(nodeId, question, slice, SIGN_MS)) as SliceAnswer | undefined
}

/**
 * Answer questions that other nodes ask with `askLong`. `firstMs` is the length of the first slice in milliseconds. The
 * reply to the first slice tells the asker that the question has arrived. Choose a small `firstMs` if the asker holds
 * back other questions until this reply.
 */
export function answerLong(
  nodes: Nodes,
  question: string,
  answer: LongAnswer,
  firstMs: number = QUESTION_SLICE_MS,
): void {
  const open = new Map<string, OpenQuestion>()
  nodes.answer(question, async (given): Promise<SliceAnswer> => {
    // A cast: `askLong` asks this question.
    const { id, body, isOver, isSign } = given as Slice
    let asked = open.get(id)
    if (isSign === true) return asked === undefined ? 'lost' : 'open'
    if (asked === undefined) {
      if (body === undefined) return 'lost'
      asked = new OpenQuestion((signal) => answer(body, signal))
      open.set(id, asked)
    }
    if (isOver === true) asked.giveUp()
    const part = await asked.next(body === undefined ? QUESTION_SLICE_MS : firstMs, () => open.delete(id))
    if (part !== 'open') open.delete(id)
    return part
  })
}

/** Question that is being answered. */
class OpenQuestion {
  readonly #asker: AbortController
  readonly #answer: Promise<unknown>
  #abandoned: NodeJS.Timeout | undefined

  constructor(answer: (signal: AbortSignal) => Promise<unknown>) {
    this.#asker = new AbortController()
    this.#answer = answer(this.#asker.signal)
  }

  /**
   * Wait for the answer until the slice ends, after `ms` milliseconds. Returns `open` if there is no answer when the
   * slice ends. Calls `onAbandoned` if the asker sends no further slice.
   */
  async next(ms: number, onAbandoned: () => void): Promise<SliceAnswer> {
    const slice = new Deferred<SliceAnswer>(ms, 'open')
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
