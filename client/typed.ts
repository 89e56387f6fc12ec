import { checkOption, rule } from '../protocol/check.ts'
import type {
  Contract,
  InEvent,
  InPayload,
  InReply,
  JoinReply,
  OutEvent,
  OutPayload,
} from '../protocol/index.ts'

const contractLike = rule('a contract', (value) => typeof Object(value).topic === 'string')
const phoenixChannel = rule('a channel of the client phoenix, such as socket.channel(topic)', (value) =>
  ['join', 'leave', 'push', 'on', 'off'].every((method) => typeof Object(value)[method] === 'function'),
)

type Status = 'ok' | 'error' | 'timeout'
/** What is used of phoenix.js' `Push`. */
export type PhoenixPush = { receive(status: Status, hook: (response: unknown) => void): unknown }

/** What is used of phoenix.js' `Channel`; every version of the client has it. */
export type PhoenixChannel = {
  join(): PhoenixPush
  leave(): PhoenixPush
  push(event: string, payload: object): PhoenixPush
  on(event: string, callback: (payload: unknown) => void): number
  off(event: string, ref: number): void
}

/** An `error` reply, whose response is not described by the contract, or none within phoenix.js' timeout. */
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
type OnWire<T> = T extends Uint8Array ? ArrayBuffer : T
/** Nothing for an event that declares no reply. */
type Answer<R> = [R] extends [never] ? undefined : Promise<OnWire<R>>

/** A phoenix.js channel as its contract describes it. */
export type TypedChannel<C extends Contract, P extends PhoenixChannel = PhoenixChannel> = {
  /** The channel itself, for everything else: `onError`, `Presence`, replies of other statuses. */
  readonly channel: P
  /** Settles with the answer to the first join; later ones are phoenix.js' own. @throws ReplyError */
  join(): Promise<OnWire<JoinReply<C>>>
  /** Send an event; a reply is promised if the contract declares one. @throws ReplyError */
  push<E extends InEvent<C>>(event: E, payload: OnWire<InPayload<C, E>>): Answer<InReply<C, E>>
  /** Call back at each event from the server; the result unsubscribes. */
  on<E extends OutEvent<C>>(event: E, callback: (payload: OnWire<OutPayload<C, E>>) => void): () => void
  /** Settles when this client is done with the channel, whether the server answered or not. */
  leave(): Promise<void>
}

/**
 * See a phoenix.js channel through its contract: types and promises, no protocol.
 * @throws UsageError with `PHX_ERR_OPTION` when an argument is no contract or no channel.
 */
export function typed<C extends Contract, P extends PhoenixChannel>(contract: C, channel: P) {
  checkOption('typed: the contract', contract, contractLike)
  checkOption('typed: the channel', channel, phoenixChannel)
  // A cast, because only the contract knows what these functions carry.
  return {
    channel,
    join: () => answer('phx_join', channel.join()),
    push(event: string, payload: object) {
      const push = channel.push(event, payload)
      return contract.incoming?.[event]?.reply && answer(event, push)
    },
    on(event: string, callback: (payload: unknown) => void) {
      const ref = channel.on(event, callback)
      return () => channel.off(event, ref)
    },
    leave: () => answer('phx_leave', channel.leave()).catch(() => undefined),
  } as TypedChannel<C, P>
}

function answer(event: string, push: PhoenixPush): Promise<unknown> {
  return new Promise((resolve, reject) => {
    push.receive('ok', resolve)
    push.receive('error', (response) => reject(new ReplyError(event, 'error', response)))
    push.receive('timeout', (response) => reject(new ReplyError(event, 'timeout', response)))
  })
}
