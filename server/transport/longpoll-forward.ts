import { setTimeout as delay } from 'node:timers/promises'
import type { Opcode } from '../../protocol/index.ts'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import type { Nodes } from '../engine/nodes.ts'
import { EngineError } from '../errors.ts'
import { ByteGate } from './byte-gate.ts'
import { answerLong, askLong, type LongQuestion, type QuestionOutcome } from './long-question.ts'
import type { ClientFrame } from './longpoll-frames.ts'
import { NO_MESSAGES, type PollBatch } from './longpoll-queue.ts'
import type { LongPollSession, Poll, PolledSession } from './longpoll-session.ts'
import type { SessionAddress } from './longpoll-token.ts'

// Problem: a long-poll session is on one node only, its owner. However, a load balancer may send the client's requests
// to any node (LONGPOLL-11).
//
// Approach: the token names the owner. If a request arrives at a node that is not the owner, this node forwards polls
// and frames to the owner with `askLong`, and answers the client. `ownSessions` runs on the owner, `RemoteSession` on
// the forwarding node. The owner answers a forwarded poll with a batch of messages. The owner keeps the batch until the
// forwarding node confirms that the response was written to the client. If the response could not be written, the next
// poll gets the batch again.
//
// Invariant: `askLong` sends the frames of a POST to the owner at most once, because the owner must not handle a frame
// twice. A poll can be sent again without harm.

/** Milliseconds between two checks for whether the engine is connected again. */
const ENGINE_CHECK_MS = 250
/** Maximum time until the owner (the node of the session) confirms that frames have arrived, in milliseconds. */
const RECEIVED_MS = 100

type PollBody = { readonly sessionId: string; readonly received: number }
type DeliverBody = { readonly sessionId: string; readonly frames: readonly ForwardedFrame[] }
type WrittenBody = { readonly sessionId: string; readonly number: number; readonly isWritten: boolean }
/**
 * Frame of a client. `data` is base64, so that the owner gets the client's bytes unchanged and can refuse text that is
 * not UTF-8.
 */
type ForwardedFrame = { readonly opcode: Opcode; readonly data: string }

/** Names of the questions (requests between nodes) about a mount's sessions. The URL makes the names unique. */
const questionsOf = (url: string) => ({
  poll: `longpoll ${url} poll`,
  deliver: `longpoll ${url} deliver`,
  written: `longpoll ${url} written`,
})

/** Answer the requests that other nodes forward for sessions of this node. */
export function ownSessions(nodes: Nodes, url: string, sessions: ReadonlyMap<string, LongPollSession>): void {
  const questions = questionsOf(url)
  // The casts below are safe: these questions are asked only by `RemoteSession`, on another node.
  answerLong(nodes, questions.poll, async (body, signal) => {
    const { sessionId, received } = body as PollBody
    return (await sessions.get(sessionId)?.poll({ received, signal }, true)) ?? null
  })
  const deliver = async (body: object): Promise<boolean | null> => {
    const { sessionId, frames } = body as DeliverBody
    const read = frames.map(({ opcode, data }) => ({ opcode, data: Buffer.from(data, 'base64') }))
    return (await sessions.get(sessionId)?.deliver(read)) ?? null
  }
  answerLong(nodes, questions.deliver, deliver, RECEIVED_MS)
  nodes.answer(questions.written, (body) => {
    const { sessionId, number, isWritten } = body as WrittenBody
    const session = sessions.get(sessionId)
    if (isWritten) session?.written({ number })
    else session?.unwritten({ number })
  })
}

type ForwarderLimits = { readonly windowMs: number; readonly maxCarriedBytes: number }

/** Forwards the requests of a mount's clients to the nodes that own their sessions. */
export class Forwarder {
  readonly endpoint: EndpointServer
  readonly questions: ReturnType<typeof questionsOf>
  readonly windowMs: number
  /** Limits the number of bytes that are forwarded to other nodes and not confirmed yet. */
  readonly gate: ByteGate
  #pause: Promise<void> | null

  constructor(endpoint: EndpointServer, url: string, { windowMs, maxCarriedBytes }: ForwarderLimits) {
    this.endpoint = endpoint
    this.questions = questionsOf(url)
    this.windowMs = windowMs
    this.gate = new ByteGate(maxCarriedBytes)
    this.#pause = null
  }

  /**
   * Ask the owner once. Returns undefined if the owner is gone (LONGPOLL-13). Returns `lost` if the engine is
   * overloaded or went down meanwhile; `lost` means that it is unknown whether the owner has handled the request.
   */
  async ask(nodeId: string, question: LongQuestion): Promise<QuestionOutcome | undefined> {
    const { engine } = this.endpoint
    try {
      const outcome = await askLong(engine.nodes, nodeId, question)
      return outcome === undefined && !this.#isUp ? 'lost' : outcome
    } catch (error) {
      if (error instanceof EngineError) return 'lost'
      throw error
    }
  }

  /** Wait until the engine is up. Returns false if the engine is still down at `deadline`, or if the server drains. */
  async isUp(deadline: number): Promise<boolean> {
    while (!this.#isUp && !this.endpoint.isDraining && performance.now() < deadline) await this.pause()
    return this.#isUp
  }

  /** Wait until the next check of the engine. Concurrent callers share one timer and continue in order. */
  pause(): Promise<void> {
    this.#pause ??= delay(ENGINE_CHECK_MS).then(() => {
      this.#pause = null
    })
    return this.#pause
  }

  get #isUp(): boolean {
    return this.endpoint.engine.state === 'up' && !this.endpoint.isDraining
  }
}

/** Session that another node owns. Each request creates its own instance. */
export class RemoteSession implements PolledSession {
  readonly #forwarder: Forwarder
  readonly #address: SessionAddress
  #isReported: boolean

  constructor(forwarder: Forwarder, address: SessionAddress) {
    this.#forwarder = forwarder
    this.#address = address
    this.#isReported = false
  }

  async poll({ received, signal }: Poll): Promise<PollBatch | null> {
    const { nodeId, sessionId } = this.#address
    const body: PollBody = { sessionId, received }
    const deadline = performance.now() + this.#forwarder.windowMs
    while (!signal.aborted && performance.now() < deadline && (await this.#forwarder.isUp(deadline))) {
      const question = this.#forwarder.questions.poll
      const outcome = await this.#forwarder.ask(nodeId, { question, body, signal })
      if (outcome === undefined) return null
      if (outcome !== 'lost') return this.#take(outcome.answer as PollBatch | null, signal)
      // Poll again. No message is lost, because the owner keeps an unconfirmed batch for the next poll.
      await this.#forwarder.pause()
    }
    return NO_MESSAGES
  }

  written(batch: PollBatch): void {
    this.#report(batch, true)
  }

  async deliver(frames: readonly ClientFrame[]): Promise<boolean | null> {
    const deadline = performance.now() + this.#forwarder.windowMs
    if (!(await this.#forwarder.isUp(deadline))) return false
    const bytes = frames.reduce((sum, { data }) => sum + data.length, 0)
    const leave = await this.#forwarder.gate.enter(bytes, deadline - performance.now())
    if (leave === null) return false
    try {
      return await this.#forward(frames, leave)
    } finally {
      leave()
    }
  }

  async #forward(frames: readonly ClientFrame[], received: () => void): Promise<boolean | null> {
    const { nodeId, sessionId } = this.#address
    const forwarded = frames.map(({ opcode, data }) => ({
      opcode,
      data: Buffer.from(data).toString('base64'),
    }))
    const body: DeliverBody = { sessionId, frames: forwarded }
    const question = this.#forwarder.questions.deliver
    const outcome = await this.#forwarder.ask(nodeId, { question, body, received })
    if (outcome === undefined) return null
    return outcome === 'lost' ? false : (outcome.answer as boolean | null)
  }

  /** If the client hangs up before the response is written, tell the owner to keep the batch for the next poll. */
  #take(batch: PollBatch | null, signal: AbortSignal): PollBatch | null {
    if (batch === null || batch.messages.length === 0) return batch
    if (signal.aborted) this.#report(batch, false)
    else signal.addEventListener('abort', () => this.#report(batch, false), { once: true })
    return batch
  }

  #report({ number }: PollBatch, isWritten: boolean): void {
    if (this.#isReported) return
    this.#isReported = true
    const { nodeId, sessionId } = this.#address
    const body: WrittenBody = { sessionId, number, isWritten }
    this.#forwarder.endpoint.engine.nodes.tell(nodeId, this.#forwarder.questions.written, body)
  }
}
