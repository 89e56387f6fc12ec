import { checkOption, rule, string } from '../../protocol/check.ts'
import {
  CLOSE_MESSAGE_TOO_BIG,
  type Contract,
  type Frame,
  type JoinParams,
  PHX_JOIN,
  PHX_REPLY,
} from '../../protocol/index.ts'
import type { Handshake } from '../socket/connect.ts'
import { decodeFrame, encodeAsClient } from './client-codec.ts'
import { ExpectationError, failureOf, JoinRefused, movedTo } from './failures.ts'
import { ArrivalLog, Inbox } from './inbox.ts'
import { MemoryTransport } from './memory-transport.ts'
import { ObservedSocket } from './observed-socket.ts'
import { type ChannelLink, JoiningChannel, REPLY, TestChannel } from './test-channel.ts'
import type { TestEndpointServer } from './test-endpoint.ts'

/** The topics of a contract: `room:${string}` for `room:*`. */
export type TopicOf<C extends Contract> = C['topic'] extends `${infer Prefix}*`
  ? `${Prefix}${string}`
  : C['topic']
/** Params of a join, which are optional if the contract requires none. */
export type TestParams<C extends Contract> =
  Record<never, never> extends JoinParams<C> ? [params?: JoinParams<C>] : [params: JoinParams<C>]

const topicOrContract = rule(
  'a topic or a contract',
  (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
)

/** Settings of an accepted connection. */
export type SocketSettings = {
  readonly endpoint: TestEndpointServer
  readonly handshake: Handshake
  /** Maximum size of a frame that the mount accepts, in bytes. */
  readonly maxFrameSize: number
}

/** Connection of one client, without a network. */
export class TestSocket {
  readonly #endpoint: TestEndpointServer
  readonly #socket: ObservedSocket
  readonly #transport: MemoryTransport
  readonly #maxFrameSize: number
  /** Channels by their join_ref. */
  readonly #channels: Map<string, JoiningChannel>
  /** Functions that record a reply, by the ref of the message. */
  readonly #replies: Map<string, (payload: unknown) => void>
  readonly #ends: Inbox
  /** Frames that the server has not read yet. */
  #unread: (string | Uint8Array)[]
  #lastRef: number
  #isClosed: boolean

  /** Internal. Called by `endpoint.connect`. */
  constructor({ endpoint, handshake, maxFrameSize }: SocketSettings) {
    this.#endpoint = endpoint
    this.#transport = new MemoryTransport({
      sent: (frame) => this.#receive(frame),
      closed: (code) => this.#closed(code),
      resumed: () => this.#resume(),
    })
    this.#maxFrameSize = maxFrameSize
    this.#channels = new Map()
    this.#replies = new Map()
    this.#ends = new Inbox('close of the connection', endpoint)
    this.#unread = []
    this.#lastRef = 0
    this.#isClosed = false
    this.#socket = new ObservedSocket(endpoint, handshake, this.#transport, endpoint.callbacks)
  }

  /** Result of the definition's `id` function; null if the socket has no id. */
  get id(): string | null {
    return this.#socket.id
  }

  /** The assigns (data of the connection) that `connect` or the latest `refresh` returned. */
  get assigns(): unknown {
    return this.#socket.assigns
  }

  /**
   * Join a topic, like `subscribe_and_join/4`. If the first argument is a contract, the channel is typed.
   * @throws JoinRefused with the reply when the reply's status is not `ok`.
   */
  subscribeAndJoin<C extends Contract>(
    contract: C,
    topic: TopicOf<C>,
    ...params: TestParams<C>
  ): Promise<TestChannel<C>>
  subscribeAndJoin(topic: string, params?: object): Promise<TestChannel>
  async subscribeAndJoin(...given: readonly unknown[]): Promise<TestChannel> {
    checkOption('subscribeAndJoin: the first argument', given[0], topicOrContract)
    const [topic, params = {}] = typeof given[0] === 'string' ? given : given.slice(1)
    checkOption('subscribeAndJoin: the topic', topic, string)
    const name = String(topic)
    const failure = failureOf(this.subscribeAndJoin)
    const joinRef = this.#nextRef()
    const link: ChannelLink = {
      host: this.#endpoint,
      send: (event, payload) => this.#send({ joinRef, topic: name, event, payload }, joining.log),
      kill: () => this.kill(),
    }
    const joining = new JoiningChannel(name, link)
    joining.listen((of, listener) => this.#endpoint.subscribe(of, listener))
    this.#channels.set(joinRef, joining)
    const join = { joinRef, topic: name, event: PHX_JOIN, payload: params }
    const replies = this.#send(join, new ArrivalLog(), joinRef)
    const failed = `no reply to the join of ${name} came`
    const answer = await replies.next({ event: REPLY, failed, from: this.subscribeAndJoin })
    const { status, response } = answer as { status: string; response: unknown }
    if (status === 'ok') return new TestChannel(joining, response)
    joining.stop()
    this.#channels.delete(joinRef)
    throw movedTo(failure, new JoinRefused(name, status, response, this.#socket.takeJoinError(name)))
  }

  /**
   * Wait until the server has closed the connection. Resolves with the close code.
   * @throws ExpectationError when the server does not close the connection in time.
   */
  async closed(): Promise<number> {
    const failed = 'the server did not close the connection'
    return Number(await this.#ends.next({ event: CLOSED, failed, from: this.closed }))
  }

  /** Close the connection normally, like `close/2` of Phoenix.ChannelTest. Resolves when `terminate` has run. */
  close(): Promise<void> {
    return this.#end(1000)
  }

  /** Lose the connection without a close frame. Resolves when `terminate` has run. */
  kill(): Promise<void> {
    return this.#end(1006)
  }

  #end(code: number): Promise<void> {
    this.#isClosed = true
    this.#socket.closed('closed', code, 'client')
    return this.#endpoint.settled()
  }

  #nextRef(): string {
    this.#lastRef += 1
    return String(this.#lastRef)
  }

  /**
   * Send a message. Returns the inbox for the reply, which records the reply in `log`. @throws ExpectationError when
   * the connection is closed.
   */
  #send(
    message: {
      readonly joinRef: string
      readonly topic: string
      readonly event: string
      readonly payload: unknown
    },
    log: ArrivalLog,
    ref = this.#nextRef(),
  ): Inbox {
    if (this.#isClosed) {
      const { closeCode } = this.#transport
      const cause =
        closeCode === null
          ? 'the test closed the connection'
          : `the server closed the connection with code ${closeCode}`
      throw new ExpectationError(`cannot send "${message.event}": ${cause}`)
    }
    const frame = encodeAsClient(this.#socket.serializer.vsn, { ...message, ref })
    const name = `reply to "${message.event}"`
    const replies = new Inbox(`${name} on ${message.topic}`, this.#endpoint, { log })
    this.#replies.set(ref, (payload) => replies.add(REPLY, payload, `${name}:`))
    if (this.#transport.isPaused) this.#unread.push(frame)
    else this.#deliver(frame)
    return replies
  }

  #deliver(frame: string | Uint8Array): void {
    const opcode = typeof frame === 'string' ? 'text' : 'binary'
    if (Buffer.byteLength(frame) <= this.#maxFrameSize) return this.#socket.receive(frame, opcode)
    this.#transport.close(CLOSE_MESSAGE_TOO_BIG)
    this.#socket.closed('closed', CLOSE_MESSAGE_TOO_BIG, 'server')
  }

  #resume(): void {
    const unread = this.#unread
    this.#unread = []
    for (const frame of unread) {
      if (this.#transport.isPaused) this.#unread.push(frame)
      else this.#deliver(frame)
    }
  }

  #receive({ data }: Frame): void {
    // Drop frames that `terminate` sends after the client has disconnected.
    if (this.#isClosed) return
    const { joinRef, ref, topic, event, payload } = decodeFrame(data, 'server')
    if (event === PHX_REPLY) {
      // Store the server's channel when the join is answered, because the channel may end right after the reply.
      const joining = this.#channels.get(String(ref))
      if (joining !== undefined) joining.channel ??= this.#socket.channelOn(joining.topic)
      return this.#replies.get(String(ref))?.(payload)
    }
    for (const [channelRef, channel] of this.#channels) {
      if (channel.topic !== topic) continue
      if (joinRef === null || joinRef === channelRef) channel.receive(String(event), payload)
    }
  }

  #closed(code: number): void {
    this.#isClosed = true
    this.#ends.add(CLOSED, code)
  }
}

const CLOSED = Symbol('the connection closed with code')
