import { checkOption } from '../../protocol/check.ts'
import {
  Broadcast,
  CHANNEL_CRASH,
  type Contract,
  type Frame,
  INVALID_PAYLOAD,
  Message,
  PHX_CLOSE,
  PHX_ERROR,
  PHX_LEAVE,
  type Ref,
  Reply,
  type Serializer,
  subtopic,
  UNAUTHORIZED,
  UNMATCHED_EVENT,
} from '../../protocol/index.ts'
import { CallbackError, UsageError } from '../errors.ts'
import type { Trackers } from '../presence/trackers.ts'
import { frameOf } from '../pubsub/fastlane.ts'
import type { Subscriber } from '../pubsub/pubsub.ts'
import { checkDelay } from '../runtime/delay.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { CatchUp, HistoryReader } from './catch-up.ts'
import type { ChannelHost } from './channel-host.ts'
import type {
  BroadcastOptions,
  CancelInfo,
  ChannelSocket,
  PublishOptions,
  SocketRef,
} from './channel-socket.ts'
import type { ChannelDefinition } from './define-channel.ts'
import { isHandleInObserved, observeCrash, observeHandleIn, observeStop } from './instrumentation.ts'
import { callbackOf, checkInfo, Info, type Item, isBroadcast } from './item.ts'
import { refuseJoin } from './join.ts'
import { Process } from './process.ts'
import { channelPublishOptions, checkBroadcastOptions } from './publish-options.ts'
import { type EndListener, Resources } from './resources.ts'
import { badReply, badResult, type ExitReason, isAnnounced, readReply, readStop, shutdown } from './result.ts'
import type { Transport } from './transport.ts'

type EndEvent = typeof PHX_CLOSE | typeof PHX_ERROR

// States of a channel. ACCEPTED: `join` returned ok, but the reply is not sent yet.
const JOINING = 0
const ACCEPTED = 1
const JOINED = 2
const ENDED = 3

// Problem: the callbacks of a channel may be asynchronous, yet each client must see the order of a Phoenix channel
// process: one callback at a time, replies in order, and no broadcast before the join's reply.
//
// Approach: `Process` runs one callback at a time and queues later items. The connection sends the join's reply after
// the replies to earlier joins, and then calls `open`. Until `open` is called, broadcasts are held. Later broadcasts go
// directly to the transport, unless `handleOut` intercepts them or a `CatchUp` sends them.
//
// Invariant: the state only moves forward (JOINING, ACCEPTED, JOINED, ENDED). An ended channel holds no subscription,
// timer or queued item, and `terminate` runs at most once, after the last callback.

/** One client on one topic, the same as a channel process in Phoenix. Its join is run by `runJoin`. */
export class Channel extends Process<Item> implements ChannelSocket<Contract>, Subscriber, HistoryReader {
  assigns: unknown
  readonly topic: string
  readonly connection: ChannelHost
  readonly definition: ChannelDefinition
  /**
   * join_ref of the join. Later messages must have the same join_ref, unless the join_ref of the join is null (JOIN-4).
   */
  readonly joinRef: Ref
  /** ref of the join message. The reply to the join repeats this ref. */
  readonly joinMessageRef: Ref
  #state: number
  /** Client's message that is being handled. */
  #current: Message | null
  #resources: Resources | null
  /**
   * Sends the broadcasts of the topic's history to the client. Null if the topic has no history, or if the client did
   * not ask for recovery and no earlier broadcasts remain to be sent.
   */
  catchUp: CatchUp | null
  #id: string | null
  #exit: ExitReason
  /** Cached for the hot path. */
  readonly #hasHandleOut: boolean
  readonly #serializer: Serializer
  readonly #transport: Transport
  /** Frames of broadcasts that arrived between the subscription and the join's reply (JOIN-3). */
  #held: Frame[] | null

  constructor(connection: ChannelHost, definition: ChannelDefinition, topic: string, join: Message) {
    super()
    this.assigns = undefined
    this.topic = topic
    this.connection = connection
    this.definition = definition
    this.joinRef = join.joinRef
    this.joinMessageRef = join.ref
    this.#state = JOINING
    this.#current = null
    this.#resources = null
    this.catchUp = null
    this.#id = null
    this.#exit = 'normal'
    this.#hasHandleOut = definition.handleOut.size > 0
    this.#serializer = connection.serializer
    this.#transport = connection.transport
    this.#held = null
  }

  // Members of `ChannelSocket`, and getters that these members use.

  get id(): string {
    if (this.#id === null) {
      this.#id = this.connection.identify(this)
      // `terminate` may read the id of an ended channel, but the ended channel must not be found by this id.
      if (this.#state === ENDED) this.connection.forget(this.#id)
    }
    return this.#id
  }

  /**
   * Sender id in the broadcasts of this client. If the client asked for recovery, the sender id stays the same after a
   * reconnect. So a replay does not contain the client's own `broadcastFrom` messages (RECOVERY-7).
   */
  get senderId(): string {
    return this.catchUp?.id ?? this.id
  }

  get recoveryId(): string | null {
    return this.catchUp?.id ?? null
  }

  /** join_ref of pushes and of replies to messages. If the join had none, the ref of the join is used instead. */
  get ownRef(): Ref {
    return this.joinRef ?? this.joinMessageRef
  }

  get socketId(): string | null {
    return this.connection.id
  }

  get subtopic(): string {
    return subtopic(this.definition.pattern, this.topic)
  }

  get trackers(): Trackers {
    return this.connection.trackers
  }

  /** True until the join's reply is written or the channel ends. */
  get isJoining(): boolean {
    return this.#state < JOINED
  }

  push(event: string, payload: unknown): void {
    this.#mustHaveJoined('push')
    if (this.catchUp === null || !this.catchUp.holdBack(event, payload)) this.pushNow(event, payload, false)
    this.connection.outgoing?.push(this, event, payload)
  }

  broadcast(event: string, payload: unknown, options?: BroadcastOptions): void {
    this.#mustHaveJoined('broadcast')
    checkBroadcastOptions('broadcast', options)
    this.connection.publish(new Broadcast(this.topic, event, payload), options)
  }

  broadcastFrom(event: string, payload: unknown, options?: BroadcastOptions): void {
    this.#mustHaveJoined('broadcastFrom')
    checkBroadcastOptions('broadcastFrom', options)
    this.connection.publish(new Broadcast(this.topic, event, payload, { from: this.senderId }), options)
  }

  async publish(event: string, payload: unknown, options: PublishOptions = {}): Promise<boolean> {
    this.#mustHaveJoined('publish')
    checkOption('publish(event, payload, options): `options`', options, channelPublishOptions)
    const { toSelf = true, ...others } = options
    const from = toSelf ? null : this.senderId
    return this.connection.confirm(new Broadcast(this.topic, event, payload, { from }), others)
  }

  ref<R>(): SocketRef<R> {
    if (this.#current === null) {
      throw new UsageError(
        'PHX_ERR_NO_REF',
        `${this.topic}: ref() must be called in handleIn, before the handler returns`,
      )
    }
    this.connection.outgoing?.referenced(this.#current)
    // The cast is safe: the phantom field with the reply's type exists only for the compiler.
    const { ref, event } = this.#current
    return { joinRef: this.ownRef, ref, topic: this.topic, event } as SocketRef<R>
  }

  reply(ref: SocketRef<unknown>, result: unknown): void {
    const answer = readReply(result)
    if (answer === null) throw badReply(result)
    this.connection.send(new Reply(ref.joinRef, ref.ref, ref.topic, answer.status, answer.response))
    this.connection.outgoing?.reply(this, ref.event, answer)
  }

  sendInfo(name: string, value?: unknown): void {
    checkInfo(this, name)
    this.accept(new Info(name, value))
  }

  sendInfoAfter(ms: number, name: string, value?: unknown): CancelInfo {
    checkDelay('sendInfoAfter', ms)
    checkInfo(this, name)
    // Start no timer for an ended channel. A handler that was pending at the end may still call this method.
    if (this.#state === ENDED) return () => {}
    return this.#holds().startTimer(ms, name, value)
  }

  subscribe(topic: string): void {
    checkInfo(this, 'broadcast')
    if (this.#state === ENDED) return
    const standing = this.#holds().subscribe(topic)
    if (standing !== undefined) this.connection.settle(standing)
  }

  unsubscribe(topic: string): void {
    this.#resources?.unsubscribe(topic)
  }

  /**
   * Call a listener once when the channel ends for any reason. If the channel has already ended, call the listener
   * immediately.
   */
  onEnd(listener: EndListener): void {
    if (this.#state === ENDED) listener.ended(this)
    else this.#holds().addListener(listener)
  }

  // Members for the join, the connection and the pubsub.

  /** Whether the channel has ended. */
  get hasEnded(): boolean {
    return this.#state === ENDED
  }

  /** Subscribe to the topic, because the join callback has returned ok. Broadcasts are held until `open` is called. */
  admit(): void | Promise<void> {
    this.#state = ACCEPTED
    this.#held = []
    return this.connection.pubsub.subscribe(this.topic, this)
  }

  /** End the channel of a refused or failed join. */
  reject(exit: ExitReason): void {
    this.#state = ENDED
    this.#exit = exit
    this.#release()
  }

  /** Send held broadcasts and run queued items (JOIN-3). Called when the join's reply is written. */
  open(): void {
    // The channel was revoked before the reply was sent.
    if (this.#state === ENDED) return this.sendEnd(PHX_CLOSE)
    this.#state = JOINED
    const held = this.#held
    this.#held = null
    this.connection.dequeuedBroadcasts(held?.length ?? 0)
    for (const frame of held ?? []) this.#transport.send(frame)
    this.catchUp?.start()
    this.drain()
  }

  /** Handle an item (message, broadcast or `Info`), or queue the item if the channel is busy or joining. */
  override accept(item: Item): void {
    if (this.#state !== ENDED) super.accept(item)
  }

  receive(broadcast: Broadcast): void {
    if (this.catchUp !== null) return this.catchUp.receive(broadcast)
    if (this.#hasHandleOut && this.intercepts(broadcast.event)) return this.accept(broadcast)
    const frame = frameOf(broadcast, this.#serializer)
    if (frame === null) return
    if (this.#held === null) return this.#transport.send(frame)
    this.#held.push(frame)
    this.connection.queuedBroadcast()
  }

  /** End the channel and free its topic. `event` is sent to the client; null sends nothing (END-3). */
  end(reason: ExitReason, event: EndEvent | null): void {
    if (this.#state === ENDED) return
    const hasJoined = this.#state >= ACCEPTED
    this.#state = ENDED
    this.#exit = reason
    // Free the topic first, because `#release` may answer the join and so route the messages that wait for the answer.
    this.connection.ended(this)
    this.#release()
    // phx_error is sent after the pushes of `terminate`, phx_close before them (END-5).
    if (event === PHX_CLOSE) this.sendEnd(event)
    const pending = hasJoined ? this.terminate() : undefined
    if (event !== PHX_ERROR) return
    if (pending === undefined) this.sendEnd(event)
    else this.connection.settle(pending.then(() => this.sendEnd(event)))
  }

  /** End the channel of a client that is no longer allowed on the topic (AUTH-6). */
  revoke(): void {
    if (this.#state < ACCEPTED) return refuseJoin(this, { reason: UNAUTHORIZED })
    // In the state ACCEPTED, the join's reply is not sent yet. `open` sends `phx_close` after the reply.
    this.end(shutdown('unauthorized'), this.#state === ACCEPTED ? null : PHX_CLOSE)
  }

  /** Send `phx_close` or `phx_error` to the client. */
  sendEnd(event: EndEvent): void {
    const payload = event === PHX_ERROR ? { reason: CHANNEL_CRASH } : {}
    this.connection.send(new Message(this.joinRef, this.joinRef, this.topic, event, payload))
  }

  // Methods of `HistoryReader`, besides `accept`.

  intercepts(event: string): boolean {
    return this.definition.handleOut.has(event)
  }

  /** Push immediately. Unlike `push`, this method never holds the message back until the end of `handleOut`. */
  pushNow(event: string, payload: unknown, mustArrive: boolean): void {
    this.connection.send(new Message(this.ownRef, null, this.topic, event, payload), mustArrive)
  }

  lost(): void {
    this.end(shutdown('gap'), PHX_ERROR)
  }

  replayFailed(cause: unknown): void {
    this.end(this.report('replay', cause), PHX_ERROR)
  }

  leaveHistory(): void {
    const held = this.catchUp?.stop() ?? []
    this.catchUp = null
    for (const broadcast of held) this.receive(broadcast)
  }

  // Methods that `Process` calls.

  protected override call(item: Item): unknown {
    if (item instanceof Message) {
      return isHandleInObserved()
        ? observeHandleIn(this, item, () => this.#handleIn(item))
        : this.#handleIn(item)
    }
    const { handleOut, handleInfo } = this.definition
    if (item instanceof Info) return handleInfo.get(item.name)?.(item.value, this)
    const handler = handleOut.get(item.event)
    // The broadcast is not intercepted. It only waited for earlier intercepted broadcasts (RECOVERY-8).
    if (handler === undefined) return void this.catchUp?.send(item)
    this.catchUp?.handling(item)
    return handler(item.payload, this)
  }

  protected override returned(item: Item, result: unknown): void {
    this.#current = null
    // If the channel ended while this callback was running, `terminate` runs now.
    if (this.#state === ENDED) return this.#settled()
    if (item instanceof Message && item.event === PHX_LEAVE) return this.#leave(item)
    if (result === undefined) {
      this.connection.outgoing?.noReply(this, item)
      return this.#passed(item, false)
    }
    const stop = readStop(result)
    const answer = stop === null ? readReply(result) : stop.reply
    if (item instanceof Message && answer !== null) {
      this.#reply(item, answer.status, answer.response)
      this.connection.outgoing?.reply(this, item.event, answer)
    } else if (stop === null) throw badResult(callbackOf(item), result)
    if (stop === null) return
    this.#passed(item, true)
    this.#stop(item, stop.reason)
  }

  protected override failed(item: Item, cause: unknown): void {
    this.#current = null
    const error = this.report(callbackOf(item), cause)
    if (this.#state === ENDED) return this.#settled()
    this.#passed(item, true)
    this.end(error, PHX_ERROR)
  }

  protected override queued(item: Item): void {
    if (item instanceof Message) this.connection.queued(item.size)
    else if (isBroadcast(item)) this.connection.queuedBroadcast()
  }

  protected override dequeued(item: Item): void {
    if (item instanceof Message) this.connection.dequeued(item.size)
    else if (isBroadcast(item)) this.connection.dequeuedBroadcasts(1)
  }

  protected override suspended(item: Item): void {
    this.connection.pendingCallbacks.add(this, item)
  }

  protected override resumed(): void {
    this.connection.pendingCallbacks.remove(this)
  }

  /** Run `terminate` after the last callback of an ended channel. */
  #settled(): void {
    this.catchUp?.settled()
    this.terminate()
  }

  /** Record that a broadcast was handled. `isLast` is true if the channel is about to end (RECOVERY-8). */
  #passed(item: Item, isLast: boolean): void {
    if (this.catchUp !== null && item instanceof Broadcast) this.catchUp.handled(item, isLast)
  }

  #handleIn(message: Message): unknown {
    const { event, payload } = message
    if (event === PHX_LEAVE) return undefined
    const { handleIn, handleAny } = this.definition
    const handler = handleIn.get(event) ?? (typeof event === 'string' ? handleAny : null)
    if (handler === null) return { error: { reason: UNMATCHED_EVENT } }
    const errors = handler.check === null ? null : handler.check(payload)
    if (errors !== null) return { error: { reason: INVALID_PAYLOAD, errors } }
    this.#current = message
    return handler.handle(payload, this, event)
  }

  #reply(message: Message, status: string, response: unknown): void {
    this.connection.send(new Reply(this.ownRef, message.ref, this.topic, status, response))
  }

  /** End the channel with a callback's stop reason. A reason other than normal or shutdown is a crash (END-2). */
  #stop(item: Item, reason: ExitReason): void {
    if (isAnnounced(reason)) return this.end(reason, PHX_CLOSE)
    const callback = callbackOf(item)
    this.connection.reportStop(reason, { topic: this.topic, callback })
    observeStop(this, callback, reason)
    this.end(reason, PHX_ERROR)
  }

  #leave(message: Message): void {
    this.#reply(message, 'ok', {})
    this.end(shutdown('left'), PHX_CLOSE)
  }

  #release(): void {
    this.connection.dequeuedBroadcasts(this.#held?.length ?? 0)
    this.#held = null
    this.catchUp?.stop()
    this.discard()
    if (this.#id !== null) this.connection.forget(this.#id)
    this.connection.pubsub.unsubscribe(this.topic, this)
    this.#resources?.release()
  }

  /**
   * Run `terminate`. If another callback is running, return undefined: `#settled` calls this method again when that
   * callback ends. If `terminate` is asynchronous, return its promise, which never rejects.
   */
  terminate(): PromiseLike<unknown> | undefined {
    const { terminate } = this.definition
    if (terminate === null) return undefined
    if (this.isBusy) {
      // A stopping server must wait for the running callback, because `terminate` runs after this callback.
      if (this.pending !== null) this.connection.settle(this.pending)
      return undefined
    }
    try {
      const result = terminate(this.#exit, this)
      if (!isPromise(result)) return undefined
      const pending = adopt(result).catch((cause: unknown) => void this.report('terminate', cause))
      this.connection.settle(pending)
      return pending
    } catch (cause) {
      this.report('terminate', cause)
    }
    return undefined
  }

  /** Report that a callback has failed. Returns the error to end the channel with. */
  report(callback: string, cause: unknown): CallbackError {
    const error = new CallbackError(this.definition.contract.topic, callback, cause)
    this.connection.report(error, this.topic)
    observeCrash(this, error)
    return error
  }

  #holds(): Resources {
    this.#resources ??= new Resources(this, this.connection.pubsub)
    return this.#resources
  }

  #mustHaveJoined(call: string): void {
    if (this.#state >= JOINED) return
    throw new UsageError(
      'PHX_ERR_NOT_JOINED',
      `${this.topic}: ${call}() cannot be called before the join is answered; ` +
        `call sendInfo() in join and ${call}() in handleInfo`,
    )
  }
}
