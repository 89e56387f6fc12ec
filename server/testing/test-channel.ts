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
import { PHX_CLOSE, PHX_ERROR, PHX_LEAVE, PHX_REPLY } from '../../protocol/index.ts'
import type { ChannelSocket } from '../channel/channel-socket.ts'
import type { Subscription } from '../pubsub/subscription.ts'
import type { Expected } from './expected.ts'
import { Inbox, type InboxHost } from './inbox.ts'
import { PresenceView } from './presence-view.ts'

/** Any string, without hiding the names of the contract from completion. */
export type OtherEvent = string & Record<never, never>
/** The payload of an event of the contract; any object for other events, such as those of `auth.refresh`. */
export type SentPayload<C extends Contract, E> = E extends InEvent<C> ? InPayload<C, E> : object
/** Payload of an event that the server sends; unknown for other events. */
export type ReceivedPayload<C extends Contract, E> = E extends OutEvent<C> ? OutPayload<C, E> : unknown
/** Reply to an event of the contract; unknown for other events. */
export type ReplyTo<C extends Contract, E> = E extends InEvent<C> ? InReply<C, E> : unknown

/** A reply: `response` is typed where its status is `ok`. */
export type TestReply<R> =
  | { readonly status: 'ok'; readonly response: R }
  | { readonly status: 'error'; readonly response: unknown }

/** The part of a connection that a channel of a test needs. */
export type ChannelLink = {
  readonly host: InboxHost
  /** Send a message of this topic; the ref that its reply will carry. */
  send(event: string, payload: unknown): string
  /** The replies to a ref. */
  replies(ref: string): Inbox
  /** Lose the connection. */
  kill(): Promise<void>
}

/** A message that was pushed. `R` is the type of its reply. */
export class TestPush<R> {
  readonly #replies: Inbox

  constructor(replies: Inbox) {
    this.#replies = replies
  }

  /**
   * The reply, as `assert_reply/4`; with a status, the reply of this status.
   * @throws ExpectationError when there is none, or another.
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
    // The serializer of the server has written a status and a response.
    return this.#replies.next({ event: PHX_REPLY, expected, from: this.reply }) as Promise<never>
  }

  /** No reply has come, as `refute_reply/4`. @throws ExpectationError when one has. */
  refuteReply(): Promise<void> {
    return this.#replies.refute({ event: PHX_REPLY, from: this.refuteReply })
  }
}

/** A client that has joined one topic: what it sends, what it gets, and the channel at the server. */
export class TestChannel<C extends Contract = Contract> {
  readonly topic: string
  /** The response of the join. */
  readonly reply: JoinReply<C>
  /** The server's channel: `assigns`, `id`, `socketId`, and what callbacks can do with it. */
  readonly channel: ChannelSocket<C, unknown>
  readonly #link: ChannelLink
  readonly #pushes: Inbox
  readonly #broadcasts: Inbox
  readonly #presences: PresenceView

  /** For `subscribeAndJoin`. */
  constructor(joining: JoiningChannel, response: unknown) {
    this.topic = joining.topic
    // The server's own check has compared it with the contract, and makes the channel that the contract types.
    this.reply = response as JoinReply<C>
    this.channel = joining.channel as ChannelSocket<C, unknown>
    this.#link = joining.link
    this.#pushes = joining.pushes
    this.#broadcasts = joining.broadcasts
    this.#presences = joining.presences
  }

  /** Send an event as the client does, as `push/3`. Bytes are a payload too. */
  push<E extends InEvent<C> | OtherEvent>(event: E, payload: SentPayload<C, E>): TestPush<ReplyTo<C, E>> {
    checkOption('push: the event', event, string)
    return new TestPush(this.#link.replies(this.#link.send(event, payload)))
  }

  /**
   * The payload of the next push of this event to the client, as `assert_push/3`; broadcasts arrive as pushes too.
   * @throws ExpectationError when none comes in time.
   */
  pushed<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<ReceivedPayload<C, E>> {
    // The contract types what the server sends under this name.
    return this.#pushes.next({ event, expected, from: this.pushed }) as Promise<ReceivedPayload<C, E>>
  }

  /** No push of this event has come, as `refute_push/3`. @throws ExpectationError when one has. */
  refutePushed<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<void> {
    return this.#pushes.refute({ event, expected, from: this.refutePushed })
  }

  /**
   * The payload of the next broadcast of this event on the topic, as `assert_broadcast/3`.
   * @throws ExpectationError when none comes in time.
   */
  broadcasted<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<ReceivedPayload<C, E>> {
    return this.#broadcasts.next({ event, expected, from: this.broadcasted }) as Promise<
      ReceivedPayload<C, E>
    >
  }

  /** No broadcast of this event went out, as `refute_broadcast/3`. @throws ExpectationError when one did. */
  refuteBroadcasted<E extends OutEvent<C> | OtherEvent>(
    event: E,
    expected?: Expected<ReceivedPayload<C, E>>,
  ): Promise<void> {
    return this.#broadcasts.refute({ event, expected, from: this.refuteBroadcasted })
  }

  /**
   * The presences that this client sees, computed from the states and diffs that it was sent, as the official client
   * does.
   */
  async presences(): Promise<PresenceEntries<C>> {
    await this.#link.host.settled()
    return this.#presences.entries as PresenceEntries<C>
  }

  /**
   * Wait until the channel has ended: `phx_close` for an announced end, `phx_error` for a crash.
   * @throws ExpectationError when the client is not told in time.
   */
  async ended(): Promise<typeof PHX_CLOSE | typeof PHX_ERROR> {
    const [event] = Object.keys(Object(await this.#pushes.next({ event: ENDED, from: this.ended })))
    return event === PHX_ERROR ? PHX_ERROR : PHX_CLOSE
  }

  /** Leave the topic, as `leave/1`; resolves with the reply. */
  async leave(): Promise<TestReply<Record<string, never>>> {
    const push = new TestPush<Record<string, never>>(this.#link.replies(this.#link.send(PHX_LEAVE, {})))
    return push.reply()
  }

  /** Lose the connection, without a word to the server; resolves when `terminate` has run. */
  kill(): Promise<void> {
    return this.#link.kill()
  }
}

/** The name under which an inbox keeps the end of a channel, whichever it was. */
const ENDED = 'the end of the channel'

/** Pushes, broadcasts and presences of one join, collected from before it is answered. */
export class JoiningChannel {
  readonly topic: string
  readonly link: ChannelLink
  readonly pushes: Inbox
  readonly broadcasts: Inbox
  readonly presences: PresenceView
  /** The server's channel, once the join is answered. */
  channel: unknown
  #subscription: Subscription | null

  constructor(topic: string, link: ChannelLink) {
    this.topic = topic
    this.link = link
    this.pushes = new Inbox(`push to ${topic}`, link.host)
    this.broadcasts = new Inbox(`broadcast on ${topic}`, link.host)
    this.presences = new PresenceView()
    this.channel = undefined
    this.#subscription = null
  }

  /** Hear what goes out on the topic. */
  listen(subscribe: (topic: string, listener: (broadcast: Broadcast) => void) => Subscription): void {
    this.#subscription = subscribe(this.topic, ({ event, payload }) => this.broadcasts.add(event, payload))
  }

  /** The join was refused. */
  stop(): void {
    this.#subscription?.unsubscribe()
  }

  /** A message of the server for this channel. */
  receive(event: string, payload: unknown): void {
    this.presences.take(event, payload)
    this.pushes.add(event, payload)
    if (event === PHX_CLOSE || event === PHX_ERROR) this.pushes.add(ENDED, { [event]: payload })
  }
}
