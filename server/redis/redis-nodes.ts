import { setTimeout as delay } from 'node:timers/promises'
import type { EngineLogger, EngineNode } from '../engine/engine.ts'
import type { Answer, Nodes } from '../engine/nodes.ts'
import { EngineError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { Question } from './question.ts'

type Asked = { readonly question: string; readonly body: unknown }
/** What travels: a question, which wants no answer if it has no number, or the answer to one. */
type Envelope =
  | (Asked & { readonly from: string; readonly number?: number })
  | { readonly answerTo: number; readonly answer: unknown }

/** Nodes that lost Redis together are not back in the same moment: milliseconds that they wait for one another. */
const RETURN_MS = 3_000
const RETRY_MS = 200

/** The other nodes, over a channel of each and one of all. */
export class RedisNodes implements Nodes {
  readonly #connection: RedisConnection
  readonly #maxQuestions: number
  readonly #answers: Map<string, Answer>
  /** The questions on their way, by number. */
  readonly #asked: Map<number, Question>
  #lastNumber: number
  #nodeId: string
  #logger: EngineLogger | null
  #returnUntil: number
  #isLost: boolean
  #wasFull: boolean

  constructor(connection: RedisConnection, maxQuestions: number) {
    this.#connection = connection
    this.#maxQuestions = maxQuestions
    this.#answers = new Map()
    this.#asked = new Map()
    this.#lastNumber = 0
    this.#nodeId = ''
    this.#logger = null
    this.#returnUntil = 0
    this.#isLost = false
    this.#wasFull = false
  }

  start({ nodeId, logger }: EngineNode): void {
    this.#nodeId = nodeId
    this.#logger = logger
    this.#connection.onChange((isUp) => this.#changed(isUp))
    const { subscriptions } = this.#connection
    void subscriptions.subscribe(this.#channelOf(nodeId), (message) => this.#received(read(message)))
    void subscriptions.subscribe(this.#everybody, (message) => this.#receivedByAll(read(message)))
  }

  /** Whoever waits for an answer waits no more. */
  stop(): void {
    for (const question of this.#asked.values()) question.end()
  }

  async ask(nodeId: string, question: string, body: unknown, timeoutMs = 5_000): Promise<unknown> {
    if (this.#isFull()) throw new EngineError(`${this.#maxQuestions} questions to other nodes wait already`)
    const [answer] = await this.#ask(this.#channelOf(nodeId), { question, body }, timeoutMs)
    return answer
  }

  async askAll(question: string, body: unknown, timeoutMs = 1_000): Promise<unknown[]> {
    return this.#isFull() ? [] : this.#ask(this.#everybody, { question, body }, timeoutMs)
  }

  tell(nodeId: string, question: string, body: unknown): void {
    void this.#publish(this.#channelOf(nodeId), { question, from: this.#nodeId, body })
  }

  answer(question: string, answer: Answer): void {
    this.#answers.set(question, answer)
  }

  /** Lost together with others, it is not back yet, or they may not be. */
  get #isReturning(): boolean {
    return this.#isLost || performance.now() < this.#returnUntil
  }

  get #everybody(): string {
    return this.#connection.keys.of('nodes')
  }

  #channelOf(nodeId: string): string {
    return this.#connection.keys.node(nodeId, 'questions')
  }

  /** Written of once, until half of them have been answered. */
  #isFull(): boolean {
    const isFull = this.#asked.size >= this.#maxQuestions
    if (isFull && !this.#wasFull) {
      this.#logger?.warn({ maxQuestions: this.#maxQuestions }, 'too many questions to other nodes wait')
    }
    if (isFull || this.#asked.size < this.#maxQuestions / 2) this.#wasFull = isFull
    return isFull
  }

  /** The answers that came. */
  async #ask(channel: string, asked: Asked, timeoutMs: number): Promise<unknown[]> {
    if (this.#connection.state !== 'up') return []
    this.#lastNumber += 1
    const number = this.#lastNumber
    const question = new Question(timeoutMs)
    this.#asked.set(number, question)
    void this.#send(channel, { ...asked, from: this.#nodeId, number }, question)
    const answers = await question.answers
    this.#asked.delete(number)
    return answers
  }

  async #send(channel: string, envelope: Envelope, question: Question): Promise<void> {
    const receivers = await this.#publishOnReturn(channel, envelope, () => question.isOver)
    question.expect(receivers)
  }

  /** Publish, again and again while this node or the one that it is for may not be back yet. */
  async #publishOnReturn(channel: string, envelope: Envelope, isOver = () => false): Promise<number> {
    const deadline = performance.now() + RETURN_MS
    for (;;) {
      const receivers = await this.#publish(channel, envelope)
      if (receivers > 0 || isOver() || !this.#isReturning || performance.now() > deadline) return receivers
      await delay(RETRY_MS)
    }
  }

  /** How many received it. Never rejects. */
  async #publish(channel: string, envelope: Envelope): Promise<number> {
    try {
      return await this.#connection.publish(channel, Buffer.from(JSON.stringify(envelope)))
    } catch {
      // That Redis is away is written of by its connection.
      return 0
    }
  }

  #received(envelope: Envelope): void {
    if ('answerTo' in envelope) this.#asked.get(envelope.answerTo)?.take(envelope.answer)
    else void this.#answer(envelope)
  }

  /** This node, which asked, is one of those who received its question. */
  #receivedByAll(envelope: Envelope): void {
    const isOwn = 'from' in envelope && envelope.from === this.#nodeId
    this.#received(isOwn ? { answerTo: envelope.number ?? 0, answer: undefined } : envelope)
  }

  /** Never rejects. */
  async #answer({ question, from, number, body }: Extract<Envelope, Asked>): Promise<void> {
    let answer: unknown
    try {
      answer = await this.#answers.get(question)?.(body)
    } catch (error) {
      this.#logger?.warn({ err: error, question }, 'a question of another node could not be answered')
    }
    if (number !== undefined) await this.#publishOnReturn(this.#channelOf(from), { answerTo: number, answer })
  }

  #changed(isUp: boolean): void {
    if (isUp && this.#isLost) this.#returnUntil = performance.now() + RETURN_MS
    this.#isLost = !isUp
    if (!isUp) this.stop()
  }
}

/** Only nodes of this cluster write to these channels. */
function read(message: Buffer): Envelope {
  return JSON.parse(message.toString()) as Envelope
}
