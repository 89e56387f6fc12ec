import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineLogger, EngineNode } from '../engine/engine.ts'
import type { Nodes, QuestionHandler } from '../engine/nodes.ts'
import { EngineError } from '../errors.ts'
import type { RedisConnection } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { decodeFragment, Fragments } from './fragments.ts'
import { NodeLink, type SendMonitor } from './node-link.ts'
import type { ConnectionOptions } from './options.ts'
import { Question } from './question.ts'

type QuestionBody = { readonly question: string; readonly body: unknown }
type Ack = readonly [nodeId: string, offset: number]
/**
 * Content of a message: a question, an answer, or the acknowledgement that all bytes up to an offset have arrived. A
 * question without a number needs no answer.
 */
type Envelope =
  | (QuestionBody & { readonly from: string; readonly number?: number })
  | { readonly answerTo: number; readonly answer: unknown }
  | { readonly acknowledged: Ack }
/** Received message. The field `ack` is a request to acknowledge the bytes that the sender has sent so far. */
type Received = Envelope & { readonly ack?: Ack }

/** Maximum time in milliseconds for which a message that no node has received is sent again after an outage. */
const RETURN_MS = 3_000
/** Milliseconds until such a message is sent again. */
const RETRY_MS = 200
/** Milliseconds after which unacknowledged bytes count as lost. */
const ACK_MS = 5_000

/** A `SendMonitor` that does nothing, for messages that need no answer. */
const UNMONITORED: SendMonitor = { isOver: false, progressed() {} }

type NodesOptions = Pick<ConnectionOptions, 'maxQuestions' | 'maxBytesInFlight'>

/**
 * Sends questions (requests with a name and a JSON body) to other nodes, and answers the questions of other nodes. Each
 * node has one Redis channel, and one more channel reaches all nodes.
 */
export class RedisNodes implements Nodes {
  readonly #connection: RedisConnection
  readonly #options: NodesOptions
  readonly #answers: Map<string, QuestionHandler>
  /** Questions that wait for answers, by number. */
  readonly #asked: Map<number, Question>
  readonly #links: Map<string, NodeLink>
  /**
   * Nodes to which this node has a link, each with a timeout of `ACK_MS`. An acknowledgement from the node restarts the
   * timeout. A message to the node restarts the timeout if the queue to the node is empty.
   */
  readonly #linkTimeouts: Deadlines<string>
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
    this.#linkTimeouts = new Deadlines(ACK_MS, (nodeId) => this.#linkTimedOut(nodeId))
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
    void subscriptions.subscribe(this.#allNodes, (message) => this.#receivedByAll(parseMessage(message)))
  }

  /** End all waiting questions with the answers that have arrived so far. */
  stop(): void {
    for (const question of this.#asked.values()) question.end()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
    this.#linkTimeouts.clear()
    this.#fragments.clear()
  }

  async ask(nodeId: string, question: string, body: unknown, timeoutMs = 5_000): Promise<unknown> {
    const { maxQuestions } = this.#options
    if (this.#isFull()) {
      throw new EngineError(
        `too many unanswered questions (requests to other nodes): \`maxQuestions\` (${maxQuestions}) is reached`,
      )
    }
    const [answer] = await this.#ask(nodeId, { question, body }, timeoutMs)
    return answer
  }

  async askAll(question: string, body: unknown, timeoutMs = 1_000): Promise<unknown[]> {
    return this.#isFull() ? [] : this.#ask(null, { question, body }, timeoutMs)
  }

  tell(nodeId: string, question: string, body: unknown): void {
    void this.#send(nodeId, { question, from: this.#nodeId, body })
  }

  answer(question: string, answer: QuestionHandler): void {
    this.#answers.set(question, answer)
  }

  /** True if this node, or other nodes that lost Redis at the same time, may still be reconnecting. */
  get #isReturning(): boolean {
    return this.#isLost || performance.now() < this.#returnUntil
  }

  get #allNodes(): string {
    return this.#connection.keys.of('nodes')
  }

  #channelOf(nodeId: string): string {
    return this.#connection.keys.node(nodeId, 'questions')
  }

  /**
   * Returns true if `maxQuestions` is reached. Logs the first true result, and logs again only after the number of
   * waiting questions has fallen below half of the maximum.
   */
  #isFull(): boolean {
    const { maxQuestions } = this.#options
    const isFull = this.#asked.size >= maxQuestions
    if (isFull && !this.#wasFull) {
      this.#logger?.warn({ maxQuestions }, 'too many unanswered questions (requests to other nodes)')
    }
    if (isFull || this.#asked.size < maxQuestions / 2) this.#wasFull = isFull
    return isFull
  }

  /** Ask one node, or all nodes if `nodeId` is null. Resolves with the answers that arrived in time. */
  async #ask(nodeId: string | null, asked: QuestionBody, timeoutMs: number): Promise<unknown[]> {
    if (this.#connection.state !== 'up') return []
    this.#lastNumber += 1
    const number = this.#lastNumber
    const isArriving = () => nodeId !== null && this.#fragments.isArriving(nodeId)
    const question = new Question(timeoutMs, isArriving)
    this.#asked.set(number, question)
    void this.#sendQuestion(nodeId, { ...asked, from: this.#nodeId, number }, question)
    const answers = await question.answers
    this.#asked.delete(number)
    if (question.isUnsent && nodeId !== null)
      throw new EngineError(`the request "${asked.question}" could not be sent to node "${nodeId}"`)
    return answers
  }

  async #sendQuestion(nodeId: string | null, envelope: Envelope, question: Question): Promise<void> {
    const receivers = await this.#sendOnReturn(nodeId, envelope, question)
    if (receivers === null) question.failed()
    else question.expect(receivers)
  }

  /** Send a message. If no node receives it, repeat while this node or the receiver may still be reconnecting. */
  async #sendOnReturn(
    nodeId: string | null,
    envelope: Envelope,
    monitor = UNMONITORED,
  ): Promise<number | null> {
    const deadline = performance.now() + RETURN_MS
    for (;;) {
      const receivers = await this.#send(nodeId, envelope, monitor)
      const hasCome = receivers !== null && receivers > 0
      if (hasCome || monitor.isOver || !this.#isReturning || performance.now() > deadline) return receivers
      await sleep(RETRY_MS)
    }
  }

  /** Send a message. Resolves with the number of receivers, or null if this number is unknown. Never rejects. */
  async #send(nodeId: string | null, envelope: Envelope, monitor = UNMONITORED): Promise<number | null> {
    if (nodeId === null) return this.#publish(this.#allNodes, Buffer.from(JSON.stringify(envelope)))
    const link = this.#linkTo(nodeId)
    // If acknowledgements are lost, queued messages wait for the end of the timeout (see `#linkTimedOut`). So a new
    // message does not restart the timeout while messages are queued.
    if (link.isIdle) this.#linkTimeouts.add(nodeId)
    return link.send(envelope, monitor)
  }

  /** Publish to a channel. Resolves with the number of receivers, or null if this number is unknown. Never rejects. */
  async #publish(channel: string, message: Buffer): Promise<number | null> {
    try {
      return await this.#connection.publish(channel, message)
    } catch {
      // Do not log the error, because the connection logs each outage and each refused command once.
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

  /**
   * Called at the end of a link's timeout. If no message waits in the link, the link is deleted. If messages wait, the
   * bytes in flight count as lost, and the next messages are sent.
   */
  #linkTimedOut(nodeId: string): void {
    const link = this.#links.get(nodeId)
    if (link === undefined || link.isIdle) return void this.#links.delete(nodeId)
    this.#linkTimeouts.add(nodeId)
    link.freeAll()
  }

  #receive(message: Buffer): void {
    const fragment = decodeFragment(message)
    if (fragment === null) {
      const envelope = parseMessage(message)
      if (envelope.ack !== undefined) this.#acknowledge(envelope.ack)
      return this.#received(envelope)
    }
    const whole = this.#fragments.take(fragment)
    if (fragment.header.ack !== undefined) this.#acknowledge(fragment.header.ack)
    if (whole !== null) this.#received(parseMessage(whole))
  }

  /** Publish an acknowledgement immediately, ahead of the messages that are queued for the node. */
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
    this.#linkTimeouts.add(nodeId)
    link.acknowledged(offset)
  }

  /**
   * Handle a message to all nodes. This node receives its own questions too, and answers them with `undefined` (no
   * answer).
   */
  #receivedByAll(envelope: Envelope): void {
    const isOwn = 'from' in envelope && envelope.from === this.#nodeId
    this.#received(isOwn ? { answerTo: envelope.number ?? 0, answer: undefined } : envelope)
  }

  /** Answer a question of another node. Never rejects. */
  async #answer({ question, from, number, body }: Extract<Envelope, QuestionBody>): Promise<void> {
    let answer: unknown
    try {
      answer = await this.#answers.get(question)?.(body)
    } catch (error) {
      this.#logger?.warn({ err: error, question }, 'failed to answer a question (request of another node)')
    }
    if (number !== undefined) await this.#sendOnReturn(from, { answerTo: number, answer })
  }

  #changed(isUp: boolean): void {
    if (isUp && this.#isLost) this.#returnUntil = performance.now() + RETURN_MS
    this.#isLost = !isUp
    if (!isUp) this.stop()
  }
}

/** Parse a message from a node. No check is needed, because only nodes of this cluster publish to these channels. */
function parseMessage(message: Buffer): Received {
  return JSON.parse(message.toString()) as Received
}
