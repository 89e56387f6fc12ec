import { callback as aFunction, checkOption, rule } from '../protocol/check.ts'
import type {
  Contract,
  InEvent,
  InPayload,
  InReply,
  JoinParams,
  JoinReply,
  OutEvent,
  OutPayload,
} from '../protocol/index.ts'
import { topicRule } from '../protocol/topic.ts'
import {
  isChannel,
  joinParams,
  type PhoenixChannel,
  type PhoenixPush,
  type PhoenixSocket,
  phoenixSocket,
  phoenixTarget,
  type Status,
} from './phoenix-client.ts'

export type { PhoenixChannel, PhoenixPush, PhoenixSocket, Status as ReplyStatus } from './phoenix-client.ts'
export { type Cursor, type RecoverableOptions, recoverable } from './recoverable.ts'
export {
  type ContractWithPresence,
  type PhoenixPresence,
  type PresenceChangeListener,
  type PresenceChooser,
  type PresenceDiff,
  type PresenceEntry,
  presence,
  type TypedPresence,
} from './typed-presence.ts'

const contractLike = rule(
  'a contract, as defineContract returns it',
  (value) => typeof Object(value).topic === 'string',
)
/**
 * A join or push failed: the reply has the status `error`, or no reply arrived before phoenix.js' timeout. `response`
 * is unknown, because the contract describes only the responses of `ok` replies.
 */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
  readonly code = 'PHX_ERR_REPLY'
  readonly status: Exclude<Status, 'ok'>
  readonly response: unknown

  constructor(event: string, status: Exclude<Status, 'ok'>, response: unknown) {
    const subject = event === 'phx_join' ? 'the join' : `"${event}"`
    const reason = reasonOf(response)
    const end = reason === null ? '' : `: ${reason}`
    super(status === 'error' ? `${subject} was answered with an error${end}` : `${subject} timed out`)
    this.status = status
    this.response = response
  }
}

/** The `reason` of an error reply; null if the reply has none, or cannot be read. */
function reasonOf(response: unknown): string | null {
  try {
    const { reason } = Object(response)
    return typeof reason === 'string' ? reason : null
  } catch {
    return null
  }
}

/** Payload type on the client: phoenix.js sends and receives bytes as `ArrayBuffer`. */
export type OnWire<T> = T extends Uint8Array ? ArrayBuffer : T
/** Type of a reply; undefined for an event without a declared reply. */
export type ReplyResponse<R> = [R] extends [never] ? undefined : OnWire<R>

/** Topics of a contract: `room:${string}` for `room:*`. */
export type TopicOf<C extends Contract> = C['topic'] extends `${infer Prefix}*`
  ? `${Prefix}${string}`
  : C['topic']
/** Join params, or a function that returns the params for each join and rejoin (phoenix.js 1.4 or later). */
export type ParamsOrFunction<C extends Contract> = (JoinParams<C> & object) | (() => JoinParams<C> & object)
/** Join params as an argument, which is optional if the contract requires none. */
export type JoinParamsArgument<C extends Contract> =
  Record<never, never> extends JoinParams<C> ? [params?: ParamsOrFunction<C>] : [params: ParamsOrFunction<C>]

/** phoenix.js channel, typed by its contract. */
export type TypedChannel<C extends Contract, P extends PhoenixChannel = PhoenixChannel> = {
  /**
   * Channel of phoenix.js, for everything that this type lacks, such as `onError`, or replies with a status other than
   * `ok`, `error` and `timeout`.
   */
  readonly channel: P
  /**
   * Join. Resolves with the first reply, or rejects with a ReplyError. phoenix.js rejoins by itself; callbacks of
   * `onJoin` get the reply to each rejoin. @throws Error of phoenix.js if the channel has been joined already.
   */
  join(): Promise<OnWire<JoinReply<C>>>
  /**
   * Call `callback` after every successful join and rejoin. Returns a function that unsubscribes.
   */
  onJoin(callback: (reply: OnWire<JoinReply<C>>) => void): () => void
  /**
   * Send an event. Resolves with the reply, or rejects with a ReplyError.
   *
   * If the contract has no reply for the event, the promise resolves with undefined, usually after one second. The
   * promise still rejects if the server replies with an error, or if the channel does not join in time. You need not
   * await such a promise: if nobody handles its rejection, the rejection is ignored.
   * @throws Error (of phoenix.js) if `join` has not been called.
   */
  push<E extends InEvent<C>>(
    event: E,
    payload: NoInfer<OnWire<InPayload<C, E>>>,
  ): Promise<ReplyResponse<InReply<C, E>>>
  /** Call `callback` for each event of this name from the server. Returns a function that unsubscribes. */
  on<E extends OutEvent<C>>(event: E, callback: (payload: OnWire<OutPayload<C, E>>) => void): () => void
  /** Leave. Settles when the client has left the channel, even if the server did not reply. */
  leave(): Promise<void>
}

/** Milliseconds to wait for an error reply to an event that has no reply in the contract. */
const REFUSAL_WAIT_MS = 1_000

/**
 * Give a phoenix.js channel the types of its contract, and promises for replies. If a socket, a topic and join params
 * are passed instead of a channel, `typed` creates the channel.
 * @throws UsageError with `PHX_ERR_OPTION` for an invalid contract, a topic that does not match the contract, invalid
 * join params, or a second argument that is neither a channel nor a socket.
 */
export function typed<C extends Contract, P extends PhoenixChannel>(
  contract: C,
  channel: P,
): TypedChannel<C, P>
export function typed<C extends Contract, P extends PhoenixChannel>(
  contract: C,
  socket: PhoenixSocket<P>,
  topic: TopicOf<C>,
  ...params: JoinParamsArgument<C>
): TypedChannel<C, P>
export function typed<C extends Contract>(contract: C, ...given: readonly unknown[]): TypedChannel<C> {
  checkOption('typed: the first argument', contract, contractLike)
  // The cast is safe: `view` returns the functions of a `TypedChannel`, and their types come from the contract.
  return view(contract, channelOf(contract, given)) as TypedChannel<C>
}

/** Return the given channel, or create one from the given socket. */
function channelOf({ topic: pattern }: Contract, given: readonly unknown[]): PhoenixChannel {
  const [target, topic, params = {}] = given
  if (topic === undefined) checkOption('typed: the second argument', target, phoenixTarget)
  else checkOption('typed: if there is a third argument, the second argument', target, phoenixSocket)
  if (topic === undefined && isChannel(target)) {
    checkOption('typed: the topic of the channel', Object(target).topic, topicRule(pattern))
    return target as PhoenixChannel
  }
  checkOption('typed: the topic', topic, topicRule(pattern))
  checkOption('typed: the join params', params, joinParams)
  return (target as PhoenixSocket<PhoenixChannel>).channel(topic as string, params as object)
}

type Callback = (payload: unknown) => void

/** Create the result of `typed`, without the types of the contract. The functions of the result do not use `this`. */
function view(contract: Contract, channel: PhoenixChannel) {
  const joined = new Set<Callback>()
  return {
    channel,
    join() {
      // phoenix.js uses this push for all rejoins too, so the callbacks of the push also run at each rejoin.
      const push = channel.join()
      push.receive('ok', (reply) => {
        for (const callback of [...joined]) callback(reply)
      })
      return answer('phx_join', push)
    },
    onJoin(callback: Callback) {
      // Create a new function at each call, so that the same callback can be subscribed twice.
      const told: Callback = (reply) => callback(reply)
      joined.add(told)
      return () => void joined.delete(told)
    },
    push(event: string, payload: object) {
      const hasReply = contract.incoming?.[event]?.reply !== undefined
      if (hasReply) return answer(event, channel.push(event, payload))
      // Use the short timeout only if the push is sent now. Before the join, phoenix.js queues a push, but
      // drops the push when its timeout ends.
      const timeout = channel.state === 'joined' ? [REFUSAL_WAIT_MS] : []
      return unrefused(event, channel.push(event, payload, ...timeout))
    },
    on(event: string, callback: Callback) {
      checkOption('on: the second argument', callback, aFunction)
      return listen(channel, event, callback)
    },
    leave: () => answer('phx_leave', channel.leave()).then(nothing, nothing),
  }
}

function listen(channel: PhoenixChannel, event: string, callback: Callback): () => void {
  let isOn = true
  const ref: number | undefined = channel.on(event, (payload) => {
    if (isOn) callback(payload)
  })
  return () => {
    isOn = false
    // In phoenix.js 1.3, `on` returns no ref, and `off` would also remove other callbacks. Do not call `off` in 1.3.
    if (ref !== undefined) channel.off(event, ref)
  }
}

function nothing(): void {}

function answer(event: string, push: PhoenixPush): Promise<unknown> {
  return new Promise((resolve, reject) => {
    push.receive('ok', resolve)
    push.receive('error', (response) => reject(new ReplyError(event, 'error', response)))
    push.receive('timeout', (response) => reject(new ReplyError(event, 'timeout', response)))
  })
}

/**
 * Promise for the push of an event without a reply in the contract. Rejects if the server replies with an error, or if
 * the push was never sent.
 */
function unrefused(event: string, push: PhoenixPush & { readonly sent?: boolean }): Promise<void> {
  const settled = new Promise<void>((resolve, reject) => {
    push.receive('ok', () => resolve())
    push.receive('error', (response) => reject(new ReplyError(event, 'error', response)))
    push.receive('timeout', (response) => {
      if (push.sent === false) reject(new ReplyError(event, 'timeout', response))
      else resolve()
    })
  })
  settled.catch(nothing)
  return settled
}
