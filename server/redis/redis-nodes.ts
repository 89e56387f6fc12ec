import { setTimeout as delay } from 'node:timers/promises'
import type { EngineLogger, EngineNode } from '../engine/engine.ts'
import type { Answer, Nodes } from '../engine/nodes.ts'
import { EngineError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { decodeFragment, Fragments } from './fragments.ts'
import { NodeLink, type Purpose } from './node-link.ts'
import type { ConnectionOptions } from './options.ts'
import { Question } from './question.ts'

type Asked = { readonly question: string; readonly body: unknown }
type Ack = readonly [nodeId: string, offset: number]
/**
 * What travels: a question, which wants no answer if it has no number, the answer to one, or the
 * acknowledgement that all up to an offset has come, which any of the others may ask for.
 */
type Envelope =
  | (Asked & { readonly from: string; readonly number?: number })
  | { readonly answerTo: number; readonly answer: unknown }
  | { readonly acknowledged: Ack }
type Sent = Envelope & { readonly ack?: Ack }

/** Nodes that lost Redis together are not back in the same moment: milliseconds that they wait for one another. */
const RETURN_MS = 3_000
const RETRY_MS = 200
/** Milliseconds after which what was sent to another node is acknowledged, or will not be. */
const ACK_MS = 5_000

/** What is told is sent, whatever becomes of it. */
const TOLD: Purpose = { isOver: false, progressed() {} }

/** Of the connection's options those for questions. */
type NodesOptions = Pick<ConnectionOptions, 'maxQuestions' | 'maxBytesInFlight'>

/** The other nodes, over a channel of each and one of all. */
export class RedisNodes implements Nodes {
  readonly #connection: RedisConnection
  readonly #options: NodesOptions
  readonly #answers: Map<string, Answer>
  /** The questions on their way, by number. */
  readonly #asked: Map<number, Question>
  readonly #links: Map<string, NodeLink>
  /** The nodes of these links, until nothing was sent for a while. */
  readonly #silent: Deadlines<string>
  readonly #fragments: Fragments
  #lastNumber: number
  #nodeId: string
  #logger: EngineLogger | null
  #returnUntil: number
  #isLost: boolean
  #wasFull: boolean

  constructor(connection: RedisConnection, options: NodesOptions) {
    this.#connection = connection
    this.#options = options
    this.#answers = new Map()
    this.#asked = new Map()
    this.#links = new Map()
    this.#silent = new Deadlines(ACK_MS, (nodeId) => this.#wasSilent(nodeId))
    this.#fragments = new Fragments()
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
    void subscriptions.subscribe(this.#channelOf(nodeId), (message) => this.#receive(message))
    void subscriptions.subscribe(this.#everybody, (message) => this.#receivedByAll(read(message)))
  }

  /** Whoever waits for an answer waits no more. */
  stop(): void {
    for (const question of this.#asked.values()) question.end()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
    this.#silent.clear()
    this.#fragments.clear()
  }

  async ask(nodeId: string, question: string, body: unknown, timeoutMs = 5_000): Promise<unknown> {
    const { maxQuestions } = this.#options
    if (this.#isFull()) throw new EngineError(`${maxQuestions} questions to other nodes wait already`)
    const [answer] = await this.#ask(nodeId, { question, body }, timeoutMs)
    return answer
  }

  async askAll(question: string, body: unknown, timeoutMs = 1_000): Promise<unknown[]> {
    return this.#isFull() ? [] : this.#ask(null, { question, body }, timeoutMs)
  }

  tell(nodeId: string, question: string, body: unknown): void {
    void this.#send(nodeId, { question, from: this.#nodeId, body })
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
    const { maxQuestions } = this.#options
    const isFull = this.#asked.size >= maxQuestions
    if (isFull && !this.#wasFull) {
      this.#logger?.warn({ maxQuestions }, 'too many questions to other nodes wait')
    }
    if (isFull || this.#asked.size < maxQuestions / 2) this.#wasFull = isFull
    return isFull
  }

  /** The answers that came, from one node or from all. */
  async #ask(nodeId: string | null, asked: Asked, timeoutMs: number): Promise<unknown[]> {
    if (this.#connection.state !== 'up') return []
    this.#lastNumber += 1
    const number = this.#lastNumber
    const isArriving = () => nodeId !== null && this.#fragments.isArriving(nodeId)
    const question = new Question(timeoutMs, isArriving)
    this.#asked.set(number, question)
    void this.#pose(nodeId, { ...asked, from: this.#nodeId, number }, question)
    const answers = await question.answers
    this.#asked.delete(number)
    if (question.isUnsent && nodeId !== null)
      throw new EngineError('the question to another node could not be sent')
    return answers
  }

  async #pose(nodeId: string | null, envelope: Envelope, question: Question): Promise<void> {
    const receivers = await this.#sendOnReturn(nodeId, envelope, question)
    if (receivers === null) question.failed()
    else question.expect(receivers)
  }

  /** Send, again and again while this node or the one that it is for may not be back yet. */
  async #sendOnReturn(nodeId: string | null, envelope: Envelope, purpose = TOLD): Promise<number | null> {
    const deadline = performance.now() + RETURN_MS
    for (;;) {
      const receivers = await this.#send(nodeId, envelope, purpose)
      const hasCome = receivers !== null && receivers > 0
      if (hasCome || purpose.isOver || !this.#isReturning || performance.now() > deadline) return receivers
      await delay(RETRY_MS)
    }
  }

  /** How many received it, null if that is not known. Never rejects. */
  async #send(nodeId: string | null, envelope: Envelope, purpose = TOLD): Promise<number | null> {
    if (nodeId === null) return this.#publish(this.#everybody, Buffer.from(JSON.stringify(envelope)))
    const link = this.#linkTo(nodeId)
    // While something waits, only an acknowledgement is news.
    if (link.isIdle) this.#silent.add(nodeId)
    return link.send(envelope, purpose)
  }

  /** How many received it, null if that is not known. Never rejects. */
  async #publish(channel: string, message: Buffer): Promise<number | null> {
    try {
      return await this.#connection.publish(channel, message)
    } catch {
      // That Redis is away, or refuses it, is written of by its connection.
      return null
    }
  }

  #linkTo(nodeId: string): NodeLink {
    let link = this.#links.get(nodeId)
    if (link === undefined) {
      const { maxBytesInFlight: window } = this.#options
      const channel = this.#channelOf(nodeId)
      const publish = (message: Buffer) => this.#publish(channel, message)
      link = new NodeLink({ nodeId: this.#nodeId, window, publish })
      this.#links.set(nodeId, link)
    }
    return link
  }

  /** It has acknowledged nothing, and was sent nothing new. */
  #wasSilent(nodeId: string): void {
    const link = this.#links.get(nodeId)
    if (link === undefined || link.isIdle) return void this.#links.delete(nodeId)
    this.#silent.add(nodeId)
    link.forgive()
  }

  /** A message to this node. */
  #receive(message: Buffer): void {
    const fragment = decodeFragment(message)
    if (fragment === null) {
      const envelope = read(message)
      if (envelope.ack !== undefined) this.#acknowledge(envelope.ack)
      return this.#received(envelope)
    }
    const whole = this.#fragments.take(fragment)
    if (fragment.header.ack !== undefined) this.#acknowledge(fragment.header.ack)
    if (whole !== null) this.#received(read(whole))
  }

  /** Not over the link: it must not wait for room there. */
  #acknowledge([from, offset]: Ack): void {
    const envelope: Envelope = { acknowledged: [this.#nodeId, offset] }
    void this.#publish(this.#channelOf(from), Buffer.from(JSON.stringify(envelope)))
  }

  #received(envelope: Envelope): void {
    if ('answerTo' in envelope) this.#asked.get(envelope.answerTo)?.take(envelope.answer)
    else if ('acknowledged' in envelope) this.#wasAcknowledged(envelope.acknowledged)
    else void this.#answer(envelope)
  }

  #wasAcknowledged([nodeId, offset]: Ack): void {
    const link = this.#links.get(nodeId)
    if (link === undefined) return
    this.#silent.add(nodeId)
    link.acknowledged(offset)
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
    if (number !== undefined) await this.#sendOnReturn(from, { answerTo: number, answer })
  }

  #changed(isUp: boolean): void {
    if (isUp && this.#isLost) this.#returnUntil = performance.now() + RETURN_MS
    this.#isLost = !isUp
    if (!isUp) this.stop()
  }
}

/** Only nodes of this cluster write to these channels. */
function read(message: Buffer): Sent {
  return JSON.parse(message.toString()) as Sent
}
