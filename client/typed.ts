import { checkOption, rule } from '../protocol/check.ts'
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
import { matchTopic, parseTopicPattern } from '../protocol/topic.ts'
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

const contractLike = rule('a contract', (value) => typeof Object(value).topic === 'string')
/** An `error` reply, whose response is not described by the contract, or no reply within phoenix.js' timeout. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
  readonly code = 'PHX_ERR_REPLY'
  readonly status: Exclude<Status, 'ok'>
  readonly response: unknown

  constructor(event: string, status: Exclude<Status, 'ok'>, response: unknown) {
    super(status === 'error' ? `${event} was answered with an error` : `${event} was not answered in time`)
    this.status = status
    this.response = response
  }
}

/** phoenix.js sends an `ArrayBuffer` as bytes, and hands bytes out as one. */
export type OnWire<T> = T extends Uint8Array ? ArrayBuffer : T
/** Nothing for an event that declares no reply. */
export type ReplyResponse<R> = [R] extends [never] ? undefined : OnWire<R>

/** The topics of a contract: `room:${string}` for `room:*`. */
export type TopicOf<C extends Contract> = C['topic'] extends `${infer Prefix}*`
  ? `${Prefix}${string}`
  : C['topic']
/** Join params, or a function that is called at every join, also when phoenix.js joins again (from 1.4). */
export type ParamsOrFunction<C extends Contract> = (JoinParams<C> & object) | (() => JoinParams<C> & object)
/** They may be left out where the contract requires none. */
export type JoinParamsArgument<C extends Contract> =
  Record<never, never> extends JoinParams<C> ? [params?: ParamsOrFunction<C>] : [params: ParamsOrFunction<C>]

/** A phoenix.js channel as its contract describes it. */
export type TypedChannel<C extends Contract, P extends PhoenixChannel = PhoenixChannel> = {
  /** The channel itself, for everything else: `onError`, replies of other statuses. */
  readonly channel: P
  /** Join; settles with the first answer. Rejoins are phoenix.js' own, see `onJoin`. @throws ReplyError */
  join(): Promise<OnWire<JoinReply<C>>>
  /**
   * Call back at every later success of `join`, the first and those of rejoins; returns a function that
   * unsubscribes.
   */
  onJoin(callback: (reply: OnWire<JoinReply<C>>) => void): () => void
  /**
   * Send an event; settles with its reply. For an event without a reply it resolves when the server has
   * not refused it within a second of being sent; nobody has to await that, as a refusal that is not
   * awaited is not an unhandled rejection. @throws ReplyError
   */
  push<E extends InEvent<C>>(
    event: E,
    payload: OnWire<InPayload<C, E>>,
  ): Promise<ReplyResponse<InReply<C, E>>>
  /** Call back at each event from the server; returns a function that unsubscribes. */
  on<E extends OutEvent<C>>(event: E, callback: (payload: OnWire<OutPayload<C, E>>) => void): () => void
  /** Leave; settles when this client is done with the channel, whether the server answered or not. */
  leave(): Promise<void>
}

/** Milliseconds that a refusal of an event without a reply is awaited. */
const REFUSAL_WAIT_MS = 1_000

/**
 * See a phoenix.js channel through its contract: types and promises, no protocol. With a socket, a topic and
 * join params the channel is made here.
 * @throws UsageError with `PHX_ERR_OPTION` when the contract is none, the topic is not one of the contract, or
 * there is neither a channel nor a socket.
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
  checkOption('typed: the contract', contract, contractLike)
  // A cast, because only the contract knows what these functions carry.
  return view(contract, channelOf(contract, given)) as TypedChannel<C>
}

/** The channel that is given, or that the socket makes for the topic. */
function channelOf({ topic: pattern }: Contract, given: readonly unknown[]): PhoenixChannel {
  const [target, topic, params = {}] = given
  if (topic === undefined) checkOption('typed: the channel', target, phoenixTarget)
  else checkOption('typed: the socket', target, phoenixSocket)
  if (topic === undefined && isChannel(target)) return target as PhoenixChannel
  const parsed = parseTopicPattern(pattern)
  const ofContract = rule(
    `one that "${pattern}" of the contract matches`,
    (value) => typeof value === 'string' && matchTopic(parsed, value),
  )
  checkOption('typed: the topic', topic, ofContract)
  checkOption('typed: the join params', params, joinParams)
  return (target as PhoenixSocket<PhoenixChannel>).channel(topic as string, params as object)
}

type Callback = (payload: unknown) => void

/** A typed channel before its types; its functions may be taken out of it. */
function view(contract: Contract, channel: PhoenixChannel) {
  const joined = new Set<Callback>()
  return {
    channel,
    join() {
      // phoenix.js keeps this push, and its hooks, for all rejoins.
      const push = channel.join()
      push.receive('ok', (reply) => {
        for (const callback of [...joined]) callback(reply)
      })
      return answer('phx_join', push)
    },
    onJoin(callback: Callback) {
      // A function of its own, so that one callback may be subscribed twice.
      const told: Callback = (reply) => callback(reply)
      joined.add(told)
      return () => void joined.delete(told)
    },
    push(event: string, payload: object) {
      const hasReply = contract.incoming?.[event]?.reply !== undefined
      if (hasReply) return answer(event, channel.push(event, payload))
      // phoenix.js drops a push that waits for the join at its timeout: only one that is sent now has a short one.
      const timeout = channel.state === 'joined' ? [REFUSAL_WAIT_MS] : []
      return unrefused(event, channel.push(event, payload, ...timeout))
    },
    on: (event: string, callback: Callback) => listen(channel, event, callback),
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
    // Version 1.3 gives no ref, and its `off` would remove the callbacks of others too.
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

/** Resolves when the server did not refuse an event that it does not answer. */
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
