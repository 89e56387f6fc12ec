import { callback, checkOption, nonEmptyString } from '../../protocol/check.ts'
import { type Contract, matchTopic, parseTopicPattern, UNMATCHED_EVENT } from '../../protocol/index.ts'
import type { ChannelSocket } from '../channel/channel-socket.ts'
import { type ChannelDefinition, defineUntypedChannel } from '../channel/define-channel.ts'

/** A reply: `{ ok: response }`, `{ error: response }`, or `{ status, payload }`. */
export type ScriptReply =
  | { readonly ok: unknown }
  | { readonly error: object }
  | { readonly status: string; readonly payload: unknown }

/** Answers a join or an event, at once or later; what is never answered runs into the client's timeout. */
export type Answer = (reply: ScriptReply) => void

/** Handles a join or an event. */
export type ScriptHandler = (payload: never, reply: Answer, client: FakeClient) => unknown

/** One client on one topic, for scripts. */
export class FakeClient {
  readonly #socket: ChannelSocket

  constructor(socket: ChannelSocket) {
    this.#socket = socket
  }

  get topic(): string {
    return this.#socket.topic
  }

  /** Send to this client, once its join is answered. */
  push(event: string, payload: object): void {
    this.#socket.sendInfo('push', { event, payload })
  }

  /** End the channel by a crash: the client gets `phx_error`, and joins again. */
  crash(): void {
    this.#socket.sendInfo('crash')
  }

  /** End the channel: the client gets `phx_close`. */
  close(): void {
    this.#socket.sendInfo('close')
  }
}

/** The behaviour of a fake server on the topics of one pattern. */
export class ScriptedTopic {
  readonly #handlers: Map<string, ScriptHandler>
  #join: ScriptHandler | null

  constructor() {
    this.#handlers = new Map()
    this.#join = null
  }

  /** Answer joins with `reply`; without it they are answered `{ ok: {} }`. */
  onJoin(handler: ScriptHandler): this {
    checkOption('onJoin: the handler', handler, callback)
    this.#join = handler
    return this
  }

  /** Handle an event, `'*'` for all others; without it they are answered as by a server that lacks them. */
  on(event: string, handler: ScriptHandler): this {
    checkOption('on: the event', event, nonEmptyString)
    checkOption('on: the handler', handler, callback)
    this.#handlers.set(event, handler)
    return this
  }

  get joinHandler(): ScriptHandler | null {
    return this.#join
  }

  handlerOf(event: string): ScriptHandler | null {
    return this.#handlers.get(event) ?? this.#handlers.get('*') ?? null
  }
}

/** The scripts of a fake server by their patterns. */
export class Script {
  readonly #topics: Map<string, ScriptedTopic>

  constructor() {
    this.#topics = new Map()
  }

  /** The script of a pattern, `room:*` or `room:lobby`; the longest that fits a topic counts. */
  topic(pattern: string): ScriptedTopic {
    parseTopicPattern(pattern)
    let topic = this.#topics.get(pattern)
    if (topic === undefined) {
      topic = new ScriptedTopic()
      this.#topics.set(pattern, topic)
    }
    return topic
  }

  #find(topic: string): ScriptedTopic | null {
    const patterns = [...this.#topics.keys()].filter((pattern) =>
      matchTopic(parseTopicPattern(pattern), topic),
    )
    const [best] = patterns.sort((a, b) => rank(b) - rank(a))
    return best === undefined ? null : (this.#topics.get(best) ?? null)
  }

  /** The channel of all topics that no other channel has. */
  channel(): ChannelDefinition {
    return defineUntypedChannel('*', {
      join: (params, socket) => this.#joined(params, socket),
      handleIn: { '*': (payload, socket, event) => this.#came(payload, socket, event) },
      handleInfo: {
        push: ({ event, payload }: { event: string; payload: object }, socket) => socket.push(event, payload),
        close: () => ({ stop: 'normal' }),
        crash() {
          throw new Error('crash() of the script')
        },
      },
    })
  }

  #joined(params: unknown, socket: ChannelSocket): Promise<never> | { readonly ok: Record<string, never> } {
    const handler = this.#find(socket.topic)?.joinHandler
    if (handler === undefined || handler === null) return { ok: {} }
    return new Promise((resolve) => {
      // Scripts are not typed; the server checks what they answer.
      handler(params as never, (reply) => resolve(reply as never), new FakeClient(socket))
    })
  }

  #came(payload: unknown, socket: ChannelSocket<Contract, unknown, unknown>, event: string) {
    const handler = this.#find(socket.topic)?.handlerOf(event)
    if (handler === undefined || handler === null) return { error: { reason: UNMATCHED_EVENT } }
    const ref = socket.ref()
    handler(payload as never, (reply) => socket.reply(ref, reply), new FakeClient(socket))
  }
}

/** An exact topic before any prefix, a longer prefix before a shorter one. */
function rank(pattern: string): number {
  return pattern.endsWith('*') ? pattern.length : Number.POSITIVE_INFINITY
}
