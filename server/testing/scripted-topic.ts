import { callback, checkOption, nonEmptyString } from '../../protocol/check.ts'
import { type Contract, matchTopic, parseTopicPattern, UNMATCHED_EVENT } from '../../protocol/index.ts'
import type { ChannelSocket } from '../channel/channel-socket.ts'
import { type ChannelDefinition, defineUntypedChannel } from '../channel/define-channel.ts'

/** Reply of a script: `{ ok: response }`, `{ error: response }`, or `{ status, payload }`. */
export type ScriptReply =
  | { readonly ok: unknown }
  | { readonly error: object }
  | { readonly status: string; readonly payload: unknown }

/**
 * Function that replies to a join or an event. A script can call the function immediately or later. Without a call, the
 * client's request times out.
 */
export type Answer = (reply: ScriptReply) => void

/** Handler of a join or an event. */
export type ScriptHandler = (payload: never, reply: Answer, client: FakeClient) => unknown

/** One client on one topic, passed to the handlers of a script. */
export class FakeClient {
  readonly #socket: ChannelSocket

  constructor(socket: ChannelSocket) {
    this.#socket = socket
  }

  get topic(): string {
    return this.#socket.topic
  }

  /** Send an event to this client. If the client's join has no reply yet, the event waits for the reply. */
  push(event: string, payload: object): void {
    this.#socket.sendInfo('push', { event, payload })
  }

  /** End the channel with a crash: the client gets `phx_error` and rejoins. */
  crash(): void {
    this.#socket.sendInfo('crash')
  }

  /** End the channel: the client gets `phx_close`. */
  close(): void {
    this.#socket.sendInfo('close')
  }
}

/** Behaviour of a fake server on the topics of one pattern. */
export class ScriptedTopic {
  readonly #handlers: Map<string, ScriptHandler>
  #join: ScriptHandler | null

  constructor() {
    this.#handlers = new Map()
    this.#join = null
  }

  /** Set the handler of joins. The handler calls `reply`. Without a handler, the reply is `{ ok: {} }`. */
  onJoin(handler: ScriptHandler): this {
    checkOption('onJoin(): the handler', handler, callback)
    this.#join = handler
    return this
  }

  /**
   * Set the handler of an event. The handler of `'*'` gets all events without a handler of their own. If `'*'` has no
   * handler either, the reply is the error `unmatched event`, as from a real channel.
   */
  on(event: string, handler: ScriptHandler): this {
    checkOption('on(): the event', event, nonEmptyString)
    checkOption('on(): the handler', handler, callback)
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

/** All scripted topics of a fake server. */
export class Script {
  readonly #topics: Map<string, ScriptedTopic>

  constructor() {
    this.#topics = new Map()
  }

  /**
   * Return the `ScriptedTopic` of a pattern, such as `room:*` or `room:lobby`. If the pattern is new, create the
   * `ScriptedTopic`. If several patterns match a topic, the most specific pattern is used.
   */
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

  /** Channel of all topics that match no other channel. */
  channel(): ChannelDefinition {
    return defineUntypedChannel('*', {
      join: (params, socket) => this.#joined(params, socket),
      handleIn: { '*': (payload, socket, event) => this.#came(payload, socket, event) },
      handleInfo: {
        push: ({ event, payload }: { event: string; payload: object }, socket) => socket.push(event, payload),
        close: () => ({ stop: 'normal' }),
        crash() {
          throw new Error('the test script called crash()')
        },
      },
    })
  }

  #joined(params: unknown, socket: ChannelSocket): Promise<never> | { readonly ok: Record<string, never> } {
    const handler = this.#find(socket.topic)?.joinHandler
    if (handler === undefined || handler === null) return { ok: {} }
    return new Promise((resolve) => {
      // The casts are safe: handlers take untyped params, and the server checks the replies.
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

/** Rank of a pattern: an exact topic ranks above any prefix, and a longer prefix above a shorter one. */
function rank(pattern: string): number {
  return pattern.endsWith('*') ? pattern.length : Number.POSITIVE_INFINITY
}
