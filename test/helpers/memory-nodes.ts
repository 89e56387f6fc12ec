import type { Engine, EngineNode, EngineState } from '../../server/engine/engine.ts'
import { LocalEngine } from '../../server/engine/local-engine.ts'
import type { Nodes, QuestionHandler } from '../../server/engine/nodes.ts'
import { EngineError } from '../../server/errors.ts'
import { Deferred } from '../../server/transport/deferred.ts'

/** Nodes of one process that reach each other; the test decides which are dead, or silent. */
export class MemoryNodes implements Nodes {
  readonly #others: Map<string, MemoryNodes>
  readonly #answers = new Map<string, QuestionHandler>()
  /** It receives questions, and nobody hears of it. */
  isSilent = false
  /** It can ask nothing more. */
  isBusy = false
  /** The questions that it was asked or told, with their bodies. */
  readonly heard: [question: string, body: unknown][] = []

  constructor(id: string, others: Map<string, MemoryNodes>) {
    this.#others = others
    others.set(id, this)
  }

  async ask(nodeId: string, question: string, body: unknown, timeoutMs = 5_000): Promise<unknown> {
    if (this.isBusy) throw new EngineError('busy')
    const other = this.#others.get(nodeId)
    if (other === undefined) return undefined
    const answered = new Deferred<unknown>(timeoutMs, undefined)
    void other.#hear(question, body).then((answer) => other.isSilent || answered.settle(answer))
    return answered.promise
  }

  tell(nodeId: string, question: string, body: unknown): void {
    void this.ask(nodeId, question, body, 1)
  }

  async askAll(question: string, body: unknown, timeoutMs = 1_000): Promise<unknown[]> {
    const ids = [...this.#others].filter(([, other]) => other !== this).map(([id]) => id)
    const answers = await Promise.all(ids.map((id) => this.ask(id, question, body, timeoutMs)))
    return answers.filter((answer) => answer !== undefined)
  }

  answer(question: string, answer: QuestionHandler): void {
    this.#answers.set(question, answer)
  }

  async #hear(question: string, body: unknown): Promise<unknown> {
    const copy = (value: unknown): unknown =>
      value === undefined ? value : JSON.parse(JSON.stringify(value))
    this.heard.push([question, copy(body)])
    if (this.isSilent) return undefined
    return copy(await this.#answers.get(question)?.(copy(body)))
  }
}

/** An engine with such nodes, whose state is the test's. */
export class MemoryEngine implements Engine {
  readonly #local = new LocalEngine()
  readonly adapter = this.#local.adapter
  readonly openPresence = this.#local.openPresence
  readonly nodes: MemoryNodes
  state: EngineState = 'up'

  constructor(nodes: MemoryNodes) {
    this.nodes = nodes
  }

  start(_node?: EngineNode): void {}
  stop(): void {}

  claim(name: string, periodMs: number) {
    return this.#local.claim(name, periodMs)
  }
}
