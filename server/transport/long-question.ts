import { randomBytes } from 'node:crypto'
import type { Nodes } from '../engine/nodes.ts'
import { Deferred } from './deferred.ts'

// Problem: a node asks another node a question whose answer may take long, because a poll waits for messages. However,
// if the asked node dies, the asking node must notice this within seconds.
//
// Approach: the asking node sends a series of short requests. The first request contains the question. If the asked
// node has no answer within a few seconds, it replies `open` (no answer yet), and the asking node sends the next
// request. If a request gets no reply at all, the asking node sends one more request, only to check whether the asked
// node is alive. If this check gets no reply either, the asked node counts as gone.
//
// Invariant: the body of the question is sent at most once, and the question is answered at most once. If it is
// unknown whether the asked node has acted on the question, the outcome is `lost`, or undefined if the node is gone.

/** If the asked node has no answer after this number of milliseconds, it replies `open` (no answer yet). */
const OPEN_AFTER_MS = 3_000
/** If the asked node has not replied after this number of milliseconds, check whether the node is alive. */
const SILENCE_MS = 3_500
/** If the asked node has not replied to the check (`checkAlive`) after this number of milliseconds, it is gone. */
const CHECK_MS = 1_400
/** If the asking node sends no further request for this number of milliseconds, its question is dropped. */
const ABANDONED_MS = OPEN_AFTER_MS + SILENCE_MS + CHECK_MS

/** Question to one node. */
export type LongQuestion = {
  readonly question: string
  readonly body: object
  /** Aborts when the asking node no longer waits. Then the signal of `LongAnswer` on the asked node aborts too. */
  readonly signal?: AbortSignal
  /** Called when the asked node replies that it has received the question, but has no answer yet. */
  readonly received?: () => void
}
/** Function that answers a question. It never rejects. */
export type LongAnswer = (body: object, signal: AbortSignal) => Promise<unknown>

/** Outcome of a question. `lost` means that it is unknown whether the asked node has acted on the question. */
export type QuestionOutcome = { readonly answer: unknown } | 'lost'

/** One of the requests that the asking node sends for one question. */
type QuestionRequest = {
  /** Id of the question, the same in all its requests. */
  readonly id: string
  /** Body of the question. Only the first request has a body. */
  readonly body?: object
  /** True if the asking node no longer waits for the answer. */
  readonly isOver?: boolean
  /** True if the request asks only for a sign of life from the asked node. */
  readonly isSign?: boolean
}
/** Reply to a request: the outcome of the question, or `open` if there is no answer yet. */
type QuestionReply = QuestionOutcome | 'open'

/**
 * Ask a node a question that may take long to answer. If neither a request nor the check after it gets a reply, the
 * node counts as gone, and `askLong` returns undefined, as `Nodes.ask` does.
 */
export async function askLong(
  nodes: Nodes,
  nodeId: string,
  { question, body, signal, received }: LongQuestion,
): Promise<QuestionOutcome | undefined> {
  const id = randomBytes(12).toString('base64url')
  const giveUp = () => nodes.tell(nodeId, question, { id, isOver: true } satisfies QuestionRequest)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    let request: QuestionRequest = { id, body }
    for (;;) {
      // The cast is safe: on the asked node, only `answerLong` replies to this request.
      const replied = (await nodes.ask(nodeId, question, request, SILENCE_MS)) as QuestionReply | undefined
      const reply = replied ?? (await checkAlive(nodes, nodeId, { question, id }))
      if (reply !== 'open') return reply
      received?.()
      if (signal?.aborted === true) return 'lost'
      request = { id }
    }
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

/** Check whether a node that has not replied is alive. Returns undefined if the node is gone. */
async function checkAlive(
  nodes: Nodes,
  nodeId: string,
  { question, id }: { question: string; id: string },
): Promise<QuestionReply | undefined> {
  const request: QuestionRequest = { id, isSign: true }
  return (await nodes.ask(nodeId, question, request, CHECK_MS)) as QuestionReply | undefined
}

/**
 * Answer the questions that other nodes ask with `askLong`. The first request gets a reply after at most `firstMs`
 * milliseconds, even if there is no answer yet. This reply confirms to the asking node that the question has arrived.
 */
export function answerLong(
  nodes: Nodes,
  question: string,
  answer: LongAnswer,
  firstMs: number = OPEN_AFTER_MS,
): void {
  const open = new Map<string, OpenQuestion>()
  nodes.answer(question, async (given): Promise<QuestionReply> => {
    // The cast is safe: only `askLong`, on another node, sends requests with this name (`question`).
    const { id, body, isOver, isSign } = given as QuestionRequest
    let asked = open.get(id)
    if (isSign === true) return asked === undefined ? 'lost' : 'open'
    if (asked === undefined) {
      if (body === undefined) return 'lost'
      asked = new OpenQuestion((signal) => answer(body, signal))
      open.set(id, asked)
    }
    if (isOver === true) asked.giveUp()
    const reply = await asked.next(body === undefined ? OPEN_AFTER_MS : firstMs, () => open.delete(id))
    if (reply !== 'open') open.delete(id)
    return reply
  })
}

/** Question that is being answered. */
class OpenQuestion {
  readonly #controller: AbortController
  readonly #answer: Promise<unknown>
  #abandoned: NodeJS.Timeout | undefined

  constructor(answer: (signal: AbortSignal) => Promise<unknown>) {
    this.#controller = new AbortController()
    this.#answer = answer(this.#controller.signal)
  }

  /**
   * Wait up to `ms` milliseconds for the answer. Returns `open` if there is no answer by then. Calls `onAbandoned` if
   * the asking node sends no further request.
   */
  async next(ms: number, onAbandoned: () => void): Promise<QuestionReply> {
    const replied = new Deferred<QuestionReply>(ms, 'open')
    void this.#answer.then((answer) => replied.settle({ answer }))
    clearTimeout(this.#abandoned)
    this.#abandoned = setTimeout(() => {
      this.giveUp()
      onAbandoned()
    }, ABANDONED_MS)
    const reply = await replied.promise
    if (reply !== 'open') clearTimeout(this.#abandoned)
    return reply
  }

  giveUp(): void {
    this.#controller.abort()
  }
}
