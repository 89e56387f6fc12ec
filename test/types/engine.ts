// An engine that a user writes needs nothing but the package's doors.
import type { FastifyInstance } from 'fastify'
import type {
  Claim,
  Deliver,
  Engine,
  EngineNode,
  EngineState,
  Gap,
  Nodes,
  OpenHistory,
  OpenStore,
  PresenceChange,
  PresenceStore,
  PubSubAdapter,
  QuestionHandler,
} from '../../server/index.ts'
import { Broadcast, LocalEngine, phoenix } from '../../server/index.ts'

/** Connection to a message bus, such as NATS. */
declare const bus: {
  connect(onState: (state: EngineState) => void): Promise<void>
  publish(subject: string, text: string): Promise<void>
  subscribe(subject: string, listener: (text: string) => void): Promise<void>
  unsubscribe(subject: string): void
  ask(node: string | null, question: string, value: unknown): Promise<unknown[]>
  answer(question: string, handler: QuestionHandler): void
  follow(name: string, listener: (topic: string, change: PresenceChange) => void): void
  isFirst(name: string, periodMs: number): Promise<boolean>
  close(): Promise<void>
}

class BusAdapter implements PubSubAdapter {
  #deliver: Deliver | null = null
  #gap: Gap | null = null

  start(deliver: Deliver, gap: Gap): void {
    this.#deliver = deliver
    this.#gap = gap
  }

  async publish({ topic, event, json }: Broadcast): Promise<boolean> {
    await bus.publish(topic, JSON.stringify([event, json]))
    return true
  }

  subscribe(topic: string): Promise<void> {
    return bus.subscribe(topic, (text) => {
      const [event, json] = JSON.parse(text) as [string, string]
      this.#deliver?.(Broadcast.fromJson(topic, event, json))
    })
  }

  unsubscribe(topic: string): void {
    bus.unsubscribe(topic)
  }

  lost(topics: readonly string[]): void {
    this.#gap?.(topics)
  }

  stop(): void {}
}

class BusNodes implements Nodes {
  async ask(nodeId: string, question: string, body: unknown, _timeoutMs = 5_000): Promise<unknown> {
    const [answer] = await bus.ask(nodeId, question, body)
    return answer
  }

  tell(nodeId: string, question: string, body: unknown): void {
    void this.ask(nodeId, question, body)
  }

  askAll(question: string, body: unknown): Promise<unknown[]> {
    return bus.ask(null, question, body)
  }

  answer(question: string, answer: QuestionHandler): void {
    bus.answer(question, answer)
  }
}

class BusEngine implements Engine {
  readonly adapter = new BusAdapter()
  readonly nodes = new BusNodes()
  readonly #local = new LocalEngine()
  readonly openHistory: OpenHistory = (host) => {
    if (this.#local.openHistory === undefined) throw new Error('no history')
    return this.#local.openHistory(host)
  }
  #state: EngineState = 'connecting'

  get state(): EngineState {
    return this.#state
  }

  readonly openPresence: OpenStore = (presence, changed, dropped) => {
    const store: PresenceStore = this.#local.openPresence(presence, changed, dropped)
    bus.follow(presence.name, (topic, change) => store.change(topic, change))
    return store
  }

  async start({ nodeId, logger, stateChanged }: EngineNode): Promise<void> {
    await bus.connect((state) => {
      this.#state = state
      logger.info({ nodeId, state }, 'bus state changed')
      stateChanged?.(state)
    })
  }

  stop(): Promise<void> {
    return bus.close()
  }

  async claim(name: string, periodMs: number): Promise<Claim> {
    return { scope: (await bus.isFirst(name, periodMs)) ? 'cluster' : 'nobody', nextInMs: periodMs }
  }
}

/** The application waits for its engine with `ready`, and sees none of the endpoint's internals. */
export async function started(app: FastifyInstance): Promise<boolean> {
  await app.register(phoenix, { sockets: {}, engine: new BusEngine() })
  await app.ready()
  // @ts-expect-error: internal
  app.endpoint.pubsub
  return app.endpoint.ready
}
