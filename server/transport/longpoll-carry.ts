import { setTimeout as delay } from 'node:timers/promises'
import type { Opcode } from '../../protocol/index.ts'
import type { Endpoint } from '../endpoint/endpoint.ts'
import type { Nodes } from '../engine/nodes.ts'
import { EngineError } from '../errors.ts'
import { ByteGate } from './byte-gate.ts'
import { answerLong, askLong, type LongQuestion, type Outcome } from './long-question.ts'
import type { ClientFrame } from './longpoll-frames.ts'
import { type Batch, NOTHING } from './longpoll-queue.ts'
import type { LongPollSession, Poll, PolledSession } from './longpoll-session.ts'
import type { SessionAddress } from './longpoll-token.ts'

// LONGPOLL-11: a request may reach any node, and is carried to the owner of its session.

/** Milliseconds between two looks whether the engine is back. */
const RETRY_MS = 250
/** Milliseconds after which the owner says that it has frames that it could not hand over yet. */
const RECEIVED_MS = 100

type PollBody = { readonly sessionId: string; readonly received: number }
type DeliverBody = { readonly sessionId: string; readonly frames: readonly CarriedFrame[] }
type WrittenBody = { readonly sessionId: string; readonly number: number; readonly isWritten: boolean }
/** A client's frame in base64: text that is no UTF-8 is for the owner to refuse. */
type CarriedFrame = { readonly opcode: Opcode; readonly data: string }

/** The questions of a mount, named by its URL, so that the sessions of several do not mix. */
const questionsOf = (url: string) => ({
  poll: `longpoll ${url} poll`,
  deliver: `longpoll ${url} deliver`,
  written: `longpoll ${url} written`,
})

/** Answer for the sessions of this node what others carry here. */
export function ownSessions(nodes: Nodes, url: string, sessions: ReadonlyMap<string, LongPollSession>): void {
  const questions = questionsOf(url)
  // A `RemoteSession` on another node asks these questions.
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

type CarrierLimits = { readonly windowMs: number; readonly maxCarriedBytes: number }

/** Carries the requests of a mount's clients to the nodes that own their sessions. */
export class Carrier {
  readonly endpoint: Endpoint
  readonly questions: ReturnType<typeof questionsOf>
  readonly windowMs: number
  /** Of the frames that are carried, until their owners have them. */
  readonly gate: ByteGate
  #pause: Promise<void> | null

  constructor(endpoint: Endpoint, url: string, { windowMs, maxCarriedBytes }: CarrierLimits) {
    this.endpoint = endpoint
    this.questions = questionsOf(url)
    this.windowMs = windowMs
    this.gate = new ByteGate(maxCarriedBytes)
    this.#pause = null
  }

  /**
   * Ask the owner. Undefined if it is gone (LONGPOLL-13); `lost` if nobody can say, as the engine went away
   * meanwhile or is too busy: nothing is repeated here, as it may have been done.
   */
  async ask(nodeId: string, question: LongQuestion): Promise<Outcome | undefined> {
    const { engine } = this.endpoint
    try {
      const outcome = await askLong(engine.nodes, nodeId, question)
      return outcome === undefined && !this.#isUp ? 'lost' : outcome
    } catch (error) {
      if (error instanceof EngineError) return 'lost'
      throw error
    }
  }

  /** Wait until the engine is there, at most until the deadline; false if it is not. */
  async isUp(deadline: number): Promise<boolean> {
    while (!this.#isUp && !this.endpoint.isDraining && performance.now() < deadline) await this.pause()
    return this.#isUp
  }

  /** Wait a moment; who waits at the same time goes on in order. */
  pause(): Promise<void> {
    this.#pause ??= delay(RETRY_MS).then(() => {
      this.#pause = null
    })
    return this.#pause
  }

  get #isUp(): boolean {
    return this.endpoint.engine.state === 'up' && !this.endpoint.isDraining
  }
}

/** A session that another node owns, for one request. */
export class RemoteSession implements PolledSession {
  readonly #carrier: Carrier
  readonly #address: SessionAddress
  #isReported: boolean

  constructor(carrier: Carrier, address: SessionAddress) {
    this.#carrier = carrier
    this.#address = address
    this.#isReported = false
  }

  async poll({ received, signal }: Poll): Promise<Batch | null> {
    const { nodeId, sessionId } = this.#address
    const body: PollBody = { sessionId, received }
    const deadline = performance.now() + this.#carrier.windowMs
    while (!signal.aborted && performance.now() < deadline && (await this.#carrier.isUp(deadline))) {
      const question = this.#carrier.questions.poll
      const outcome = await this.#carrier.ask(nodeId, { question, body, signal })
      if (outcome === undefined) return null
      if (outcome !== 'lost') return this.#take(outcome.answer as Batch | null, signal)
      // The owner keeps what it answered: it can be asked again.
      await this.#carrier.pause()
    }
    return NOTHING
  }

  written(batch: Batch): void {
    this.#report(batch, true)
  }

  async deliver(frames: readonly ClientFrame[]): Promise<boolean | null> {
    const deadline = performance.now() + this.#carrier.windowMs
    if (!(await this.#carrier.isUp(deadline))) return false
    const { sessionId } = this.#address
    const bytes = frames.reduce((sum, { data }) => sum + data.length, 0)
    const leave = await this.#carrier.gate.enter(sessionId, bytes, deadline - performance.now())
    if (leave === null) return false
    try {
      return await this.#carry(frames, leave)
    } finally {
      leave()
    }
  }

  async #carry(frames: readonly ClientFrame[], received: () => void): Promise<boolean | null> {
    const { nodeId, sessionId } = this.#address
    const carried = frames.map(({ opcode, data }) => ({ opcode, data: Buffer.from(data).toString('base64') }))
    const body: DeliverBody = { sessionId, frames: carried }
    const question = this.#carrier.questions.deliver
    const outcome = await this.#carrier.ask(nodeId, { question, body, received })
    if (outcome === undefined) return null
    return outcome === 'lost' ? false : (outcome.answer as boolean | null)
  }

  /** Have the owner put it back if the client hangs up before it is written. */
  #take(batch: Batch | null, signal: AbortSignal): Batch | null {
    if (batch === null || batch.messages.length === 0) return batch
    if (signal.aborted) this.#report(batch, false)
    else signal.addEventListener('abort', () => this.#report(batch, false), { once: true })
    return batch
  }

  #report({ number }: Batch, isWritten: boolean): void {
    if (this.#isReported) return
    this.#isReported = true
    const { nodeId, sessionId } = this.#address
    const body: WrittenBody = { sessionId, number, isWritten }
    this.#carrier.endpoint.engine.nodes.tell(nodeId, this.#carrier.questions.written, body)
  }
}
