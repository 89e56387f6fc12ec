import { checkOption, string } from '../../protocol/check.ts'
import type {
  Broadcast,
  Contract,
  InEvent,
  InPayload,
  InReply,
  JoinReply,
  OutEvent,
  OutPayload,
  PresenceEntries,
} from '../../protocol/index.ts'
import { PHX_CLOSE, PHX_ERROR, PHX_LEAVE } from '../../protocol/index.ts'
import type { ChannelSocket } from '../channel/channel-socket.ts'
import type { Subscription } from '../pubsub/subscription.ts'
import type { Expected } from './expected.ts'
import { ArrivalLog, Inbox, type InboxHost } from './inbox.ts'
import { PresenceView } from './presence-view.ts'

/** Any string. Unlike with the type `string`, editors still suggest the event names of the contract. */
export type OtherEvent = string & Record<never, never>
/** Payload of an event of the contract; any object for other events, such as `auth.refresh.event`. */
export type SentPayload<C extends Contract, E> = E extends InEvent<C> ? InPayload<C, E> : object
/** Payload of an event that the server sends; unknown if the contract does not list the event. */
export type ReceivedPayload<C extends Contract, E> = E extends OutEvent<C> ? OutPayload<C, E> : unknown
/** Reply to an event of the contract; unknown for other events. */
export type ReplyTo<C extends Contract, E> = E extends InEvent<C> ? InReply<C, E> : unknown

/** Reply to a message. `response` is typed if the status is `ok`. */
export type TestReply<R> =
  | { readonly status: 'ok'; readonly response: R }
  | { readonly status: 'error'; readonly response: unknown }

/** Fields and methods of a connection that a `TestChannel` needs. */
export type ChannelLink = {
  readonly host: InboxHost
  /** Send a message on the topic of the `TestChannel`. Returns the inbox for the reply to this message. */
  send(event: string, payload: unknown): Inbox
  /** Lose the connection. */
  kill(): Promise<void>
}

/** Message that was pushed. `R` is the type of its reply. */
export class TestPush<R> {
  readonly #replies: Inbox

  constructor(replies: Inbox) {
    this.#replies = replies
  }

  /**
   * Wait for the reply, like `assert_reply/4`. If `status` is given, the reply must have this status.
   * @throws ExpectationError when no matching reply comes in time.
   */
  reply(): Promise<TestReply<R>>
  reply(status: 'ok', expected?: Expected<R>): Promise<{ readonly status: 'ok'; readonly response: R }>
  reply(
    status: string,
    expected?: Expected<unknown>,
  ): Promise<{ readonly status: string; readonly response: unknown }>
  reply(status?: string, response?: unknown): Promise<never> {
    const expected =
      status === undefined ? undefined : { status, ...(response !== undefined && { response }) }
    // The cast is safe: the server's serializer always writes a status and a response.
    return this.#replies.next({ event: REPLY, expected, from: this.reply }) as Promise<never>
  }

  /** Expect no reply, like `refute_reply/4`. @throws ExpectationError when a reply has come. */
  refuteReply(): Promise<void> {
    return this.#replies.refute({ event: REPLY, from: this.refuteReply })
  }
}

/** Test client that has joined one topic. Its methods send messages and wait for messages. */
export class TestChannel<C extends Contract = Contract> {
  readonly topic: string
  /** Response to the join. */
  readonly reply: JoinReply<C>
  /** The server's channel, with `assigns`, `id`, `socketId` and all functions that callbacks can use. */
  readonly channel: ChannelSocket<C, unknown>
  readonly #link: ChannelLink
  readonly #pushes: Inbox
  readonly #broadcasts: Inbox
  readonly #presences: PresenceView

  /** Internal. Called by `subscribeAndJoin`. */
  constructor(joining: JoiningChannel, response: unknown) {
    this.topic = joining.topic
    // The casts are safe: the server has checked the response against the contract, and has created the channel from
    // the contract.
    this.reply = response as JoinReply<C>
    this.channel = joining.channel as ChannelSocket<C, unknown>
    this.#link = joining.link
    this.#pushes = joining.pushes
    this.#broadcasts = joining.broadcasts
    this.#presences = joining.presences
  }

  /** Send an event to the server, like `push/3`. The payload can be an object or bytes. */
  push<E extends InEvent<C> | OtherEvent>(event: E, payload: SentPayload<C, E>): TestPush<ReplyTo<C, E>> {
    checkOption('push: the event', event, string)
    return new TestPush(this.#link.send(event, payload))
  }

  /**
   * Wait for the next push of this event to the client, like `assert_push/3`. Resolves with the payload. Broadcasts
   * arrive as pushes too.
   * @throws ExpectationError when no matching push arrives in time.
   */
  pushed<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<ReceivedPayload<C, E>> {
    // The cast is safe: the contract defines the payload's type. The inbox stores pushes without types.
    return this.#pushes.next({ event, expected, from: this.pushed }) as Promise<ReceivedPayload<C, E>>
  }

  /** Expect no push of this event, like `refute_push/3`. @throws ExpectationError when a matching push has come. */
  refutePushed<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<void> {
    return this.#pushes.refute({ event, expected, from: this.refutePushed })
  }

  /**
   * Wait for the next broadcast of this event on the topic, like `assert_broadcast/3`. Resolves with the payload.
   * @throws ExpectationError when no matching broadcast is sent in time.
   */
  broadcasted<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<ReceivedPayload<C, E>> {
    return this.#broadcasts.next({ event, expected, from: this.broadcasted }) as Promise<
      ReceivedPayload<C, E>
    >
  }

  /** Expect no broadcast of this event, like `refute_broadcast/3`. @throws ExpectationError when a match was sent. */
  refuteBroadcasted<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<void> {
    return this.#broadcasts.refute({ event, expected, from: this.refuteBroadcasted })
  }

  /**
   * Presences that the official client would compute from the states and diffs that this client has received.
   */
  async presences(): Promise<PresenceEntries<C>> {
    await this.#link.host.settled()
    return this.#presences.entries as PresenceEntries<C>
  }

  /**
   * Wait until the channel has ended. Resolves with the event that the client got: `phx_close`, or
   * `phx_error` (for example after a crash).
   * @throws ExpectationError when neither event arrives in time.
   */
  async ended(): Promise<typeof PHX_CLOSE | typeof PHX_ERROR> {
    const failed = `${this.topic} did not end`
    const event = await this.#pushes.next({ event: ENDED, failed, from: this.ended })
    return event === PHX_ERROR ? PHX_ERROR : PHX_CLOSE
  }

  /** Leave the topic. Resolves with the reply. */
  async leave(): Promise<TestReply<Record<string, never>>> {
    return new TestPush<Record<string, never>>(this.#link.send(PHX_LEAVE, {})).reply()
  }

  /** Lose the connection without a close frame. Resolves when `terminate` has run. */
  kill(): Promise<void> {
    return this.#link.kill()
  }
}

/** Event under which an inbox stores replies. */
export const REPLY = Symbol('reply')
/** Event under which an inbox stores the end of a channel. The payload is `phx_close` or `phx_error`. */
const ENDED = Symbol('the channel ended')

/** Collects the pushes, broadcasts and presences of one join, even before the reply to the join arrives. */
export class JoiningChannel {
  readonly topic: string
  readonly link: ChannelLink
  /** Log of the channel's pushes, replies and broadcasts, and of its end. */
  readonly log: ArrivalLog
  readonly pushes: Inbox
  readonly broadcasts: Inbox
  readonly presences: PresenceView
  /** The server's channel, set when the join is answered. */
  channel: unknown
  #subscription: Subscription | null

  constructor(topic: string, link: ChannelLink) {
    this.topic = topic
    this.link = link
    this.log = new ArrivalLog()
    this.pushes = new Inbox(`push to ${topic}`, link.host, { log: this.log })
    // Failures of other expectations list no broadcasts, because the client gets them as pushes.
    this.broadcasts = new Inbox(`broadcast on ${topic}`, link.host, { log: this.log, isShown: false })
    this.presences = new PresenceView()
    this.channel = undefined
    this.#subscription = null
  }

  /** Collect the broadcasts on the topic. */
  listen(subscribe: (topic: string, listener: (broadcast: Broadcast) => void) => Subscription): void {
    this.#subscription = subscribe(this.topic, ({ event, payload }) =>
      this.broadcasts.add(event, payload, `broadcast "${event}"`),
    )
  }

  /** Stop collecting broadcasts. Called when the join was refused. */
  stop(): void {
    this.#subscription?.unsubscribe()
  }

  /** Record a message that the server sent to this channel. */
  receive(event: string, payload: unknown): void {
    this.presences.take(event, payload)
    this.pushes.add(event, payload)
    if (event === PHX_CLOSE || event === PHX_ERROR) this.pushes.add(ENDED, event)
  }
}
