import {
  Broadcast,
  CHANNEL_CRASH,
  type Frame,
  INVALID_PARAMS,
  INVALID_PAYLOAD,
  JOIN_CRASHED,
  Message,
  PHX_CLOSE,
  PHX_ERROR,
  PHX_LEAVE,
  Reply,
  type Serializer,
  UNAUTHORIZED,
  UNMATCHED_EVENT,
} from '../../protocol/index.ts'
import { CallbackError } from '../errors.ts'
import { frameOf } from '../pubsub/fastlane.ts'
import type { Subscriber } from '../pubsub/pubsub.ts'
import { adopt, disown, isPromise } from '../runtime/promise.ts'
import { joinIfAuthorized } from './authorize.ts'
import { CatchUp, type HistoryReader } from './catch-up.ts'
import { ANSWERED, ChannelHandle, callbackOf, ENDED, Info, type Item, JOINED } from './channel-handle.ts'
import type { ChannelHost } from './channel-host.ts'
import type { ChannelDefinition } from './define-channel.ts'
import {
  isHandleInObserved,
  isJoinObserved,
  observeCrash,
  observeHandleIn,
  observeJoin,
  observeRefused,
  observeStop,
} from './instrumentation.ts'
import { takeRecovery, withRecovery } from './recovery.ts'
import {
  type Answer,
  badResult,
  type ExitReason,
  isAnnounced,
  readJoin,
  readReply,
  readStop,
  shutdown,
} from './result.ts'
import type { Transport } from './transport.ts'
import type { ValidationError } from './validate.ts'

type EndEvent = typeof PHX_CLOSE | typeof PHX_ERROR

// Problem: the callbacks of a channel may be asynchronous, yet each client must see the order of a Phoenix channel
// process: one callback at a time, replies in order, and no broadcast before the join's reply.
//
// Approach: `Process` runs one callback at a time and queues later items. The connection sends the join's reply after
// the replies to earlier joins, and then calls `open`. Until `open` is called, broadcasts are held. A broadcast
// goes directly to the transport if neither `handleOut` nor `CatchUp` needs the broadcast.
//
// Invariant: the state only moves forward (JOINING, ANSWERED, JOINED, ENDED). An ended channel holds no subscription,
// timer or queued item, and `terminate` runs at most once, after the last callback.

/** One client on one topic, the same as a channel process in Phoenix. */
export class Channel extends ChannelHandle implements Subscriber, HistoryReader {
  #exit: ExitReason
  /** True if all broadcasts go directly to the transport, not to `handleOut` or `CatchUp`. Cached for the hot path. */
  #isPlain: boolean
  readonly #serializer: Serializer
  readonly #transport: Transport
  /** Frames of broadcasts that arrived between the subscription and the join's reply (JOIN-3). */
  #held: Frame[] | null

  constructor(connection: ChannelHost, definition: ChannelDefinition, topic: string, join: Message) {
    super(connection, definition, topic, join)
    this.#exit = 'normal'
    this.#isPlain = definition.handleOut.size === 0
    this.#serializer = connection.serializer
    this.#transport = connection.transport
    this.#held = null
  }

  /** Run the join callback. The result is passed to the connection's `answered`. */
  join(given: unknown, route: { readonly assigns: object | null }): void {
    const history = this.connection.pubsub.historyOf(this.topic)
    if (history === null) return this.#begin(given, route)
    const { params, asked } = takeRecovery(given, history.settings.size)
    if (asked === null && history.settings.onJoin === 0) return this.#begin(params, route)
    this.catchUp = new CatchUp(this, history, asked)
    this.#isPlain = false
    const noting = this.catchUp.note()
    if (noting === undefined) return this.#begin(params, route)
    this.connection.settle(noting.then(() => this.#begin(params, route)))
  }

  #begin(params: unknown, route: { readonly assigns: object | null }): void {
    // The channel was revoked before its start.
    if (this.state === ENDED) return
    let result: unknown
    let pending: Promise<void> | null = null
    try {
      const errors = this.definition.checkParams?.(params) ?? null
      if (errors !== null) return this.#refuseParams(params, errors)
      result = this.#callJoin(params, this.connection.assignsOn(route))
      if (isPromise(result)) pending = this.#joinLater(result)
    } catch (error) {
      return this.#joinFailed(error)
    }
    if (pending === null) return this.#joinReturned(result)
    // Make a stopping server wait for `join`, because `terminate` runs after `join` if the channel ends meanwhile.
    if (this.definition.terminate !== null) this.connection.settle(pending)
  }

  /** Refuse the join with `reason`, without calling the `join` callback. */
  refuse(params: unknown, reason: string): void {
    observeRefused(this, params, { reason })
    this.#refuse({ reason })
  }

  /** Send held broadcasts and run queued items (JOIN-3). Called when the join's reply is written. */
  open(): void {
    // The channel was revoked before the reply was sent.
    if (this.state === ENDED) return this.sendEnd(PHX_CLOSE)
    if (this.state !== ANSWERED) return
    this.state = JOINED
    const held = this.#held
    this.#held = null
    this.connection.dequeuedBroadcasts(held?.length ?? 0)
    for (const frame of held ?? []) this.#transport.send(frame)
    this.catchUp?.start()
    this.drain()
  }

  /** Handle a client's message, including `phx_leave`. */
  handle(message: Message): void {
    this.#take(message)
  }

  receive(broadcast: Broadcast): void {
    if (!this.#isPlain && this.#isTaken(broadcast)) return
    // Encode the broadcast now even if it is held, so that its sender gets an encoding error.
    const frame = frameOf(broadcast, this.#serializer)
    if (frame === null) return
    if (this.#held === null) return this.#transport.send(frame)
    this.#held.push(frame)
    this.connection.queuedBroadcast()
  }

  /** Pass a broadcast to `catchUp` or to `handleOut`. Returns false if neither needs the broadcast. */
  #isTaken(broadcast: Broadcast): boolean {
    if (this.catchUp !== null) this.catchUp.receive(broadcast)
    else if (this.intercepts(broadcast.event)) this.#take(broadcast)
    else return false
    return true
  }

  /** End the channel and free its topic. `event` is sent to the client; null sends nothing (END-3). */
  end(reason: ExitReason, event: EndEvent | null): void {
    if (this.state === ENDED) return
    const hasJoined = this.state >= ANSWERED
    this.state = ENDED
    this.#exit = reason
    this.#release()
    this.connection.ended(this)
    // phx_error is sent after the pushes of `terminate`, phx_close before them (END-5).
    if (event !== null && event !== PHX_ERROR) this.sendEnd(event)
    const pending = hasJoined ? this.#terminate() : undefined
    if (event !== PHX_ERROR) return
    if (pending === undefined) this.sendEnd(event)
    else this.connection.settle(pending.then(() => this.sendEnd(event)))
  }

  /** End the channel of a client that is no longer allowed on the topic (AUTH-6). */
  revoke(): void {
    if (this.state < ANSWERED) return this.#refuse({ reason: UNAUTHORIZED })
    // In the state ANSWERED, the join's reply is not sent yet, so `open` sends `phx_close` after the reply.
    this.end(shutdown('unauthorized'), this.state === ANSWERED ? null : PHX_CLOSE)
  }

  /** Push the channel's warn event, if any, before the connection expires (AUTH-4). The channel must be joined. */
  warn(payload: { readonly expires_in_ms: number }): void {
    const { warnEvent } = this.definition
    if (warnEvent !== null) this.push(warnEvent, payload)
  }

  // Methods of `HistoryReader`, which `CatchUp` calls.

  queue(broadcast: Broadcast): void {
    this.#take(broadcast)
  }

  lost(): void {
    this.end(shutdown('gap'), PHX_ERROR)
  }

  replayFailed(cause: unknown): void {
    this.end(this.#report('replay', cause), PHX_ERROR)
  }

  caughtUp(): void {
    this.catchUp = null
    this.#isPlain = this.definition.handleOut.size === 0
  }

  /** Send `phx_close` or `phx_error` to the client. */
  sendEnd(event: EndEvent): void {
    const payload = event === PHX_ERROR ? { reason: CHANNEL_CRASH } : {}
    this.connection.send(new Message(this.joinRef, this.joinRef, this.topic, event, payload))
  }

  #callJoin(params: unknown, assigns: unknown): unknown {
    // The cast is safe: `socket.channel()` ensures that `definition.assigns` accepts the socket's assigns.
    const own = this.definition.assigns?.(assigns as never) ?? Object.assign({}, assigns)
    if (isPromise(own)) {
      disown(own)
      throw badResult('assigns', own)
    }
    this.assigns = own
    this.hold()
    return isJoinObserved()
      ? observeJoin(this, params, () => joinIfAuthorized(this, assigns, params))
      : joinIfAuthorized(this, assigns, params)
  }

  #refuseParams(params: unknown, errors: readonly ValidationError[]): void {
    const response = { reason: INVALID_PARAMS, errors }
    observeRefused(this, params, response)
    this.#refuse(response)
  }

  async #joinLater(pending: PromiseLike<unknown>): Promise<void> {
    let result: unknown
    const { pendingCallbacks } = this.connection
    pendingCallbacks.add(this, null)
    try {
      result = await pending
    } catch (error) {
      return this.#joinFailed(error)
    } finally {
      pendingCallbacks.remove(this)
    }
    this.#joinReturned(result)
  }

  #joinReturned(result: unknown): void {
    let answer: Answer
    try {
      answer = readJoin(result)
    } catch (error) {
      return this.#joinFailed(error)
    }
    if (answer.status === 'error') {
      this.#refuse(answer.response)
      return void this.#terminate()
    }
    // The channel has ended while `join` was pending: `terminate` must clean up after `join`.
    if (this.state === ENDED) return void this.#terminate()
    let frame: Frame
    try {
      frame = this.#joinReply('ok', answer.response)
      if (this.isRecoverable) withRecovery(answer.response, {})
      this.connection.outgoing?.joinReply(this, answer.response)
    } catch (error) {
      return this.#joinFailed(error)
    }
    this.state = ANSWERED
    this.#held = []
    const standing = this.connection.pubsub.subscribe(this.topic, this)
    const subscribed = () => this.#subscribed(frame, answer.response)
    if (standing === undefined) return subscribed()
    this.connection.settle(standing.finally(subscribed))
  }

  /** Answer the join. If the client gets broadcasts from the history, first find the `seq` to continue after. */
  #subscribed(frame: Frame, response: unknown): void {
    if (this.catchUp === null) return this.connection.answered(this, frame, true)
    const { id } = this.catchUp
    this.catchUp.recover((recovery) => {
      // Answer even if the channel has ended meanwhile, because the connection still waits for the answer.
      if (this.state === ENDED || (id === null && recovery !== null))
        return this.connection.answered(this, frame, true)
      if (recovery === null) return this.#unanswered(frame)
      const { epoch, seq, head, recovered } = recovery
      try {
        const whole = withRecovery(response, { epoch, seq, head, id, recovered })
        this.connection.answered(this, this.#joinReply('ok', whole), true)
      } catch (error) {
        this.#joinFailed(error)
      }
    })
  }

  /**
   * Answer the join if the topic's history cannot be read. A client that asked for recovery gets `phx_error` and
   * rejoins later (RECOVERY-12). Any other client joins without the history.
   */
  #unanswered(frame: Frame): void {
    if (!this.isRecoverable) {
      this.catchUp?.stop()
      this.caughtUp()
      return this.connection.answered(this, frame, true)
    }
    this.state = ENDED
    this.#exit = shutdown('gap')
    this.#release()
    const payload = { reason: CHANNEL_CRASH }
    const error = new Message(this.joinRef, this.joinRef, this.topic, PHX_ERROR, payload)
    this.connection.answered(this, this.#serializer.encode(error), false)
    this.#terminate()
  }

  #joinFailed(cause: unknown): void {
    this.#report('join', cause)
    this.state = ENDED
    this.#release()
    this.connection.answered(this, this.#joinReply('error', { reason: JOIN_CRASHED }), false)
  }

  /** Refuse the join and end the channel. The client gets only the reply (JOIN-2). */
  #refuse(response: unknown): void {
    let frame: Frame
    try {
      frame = this.#joinReply('error', response)
    } catch (error) {
      return this.#joinFailed(error)
    }
    this.state = ENDED
    this.#exit = 'shutdown'
    this.#release()
    this.connection.answered(this, frame, false)
  }

  #joinReply(status: string, response: unknown): Frame {
    const reply = new Reply(this.joinRef, this.joinMessageRef, this.topic, status, response)
    return this.#serializer.encode(reply)
  }

  protected override identify(): string {
    const id = this.connection.identify(this)
    // `terminate` may read the id of an ended channel, but the ended channel must not be found by this id.
    if (this.state === ENDED) this.connection.forget(id)
    return id
  }

  // Methods that `Process` calls, one callback at a time.

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
    this.current = null
    // If the channel ended while this callback was running, `terminate` runs now.
    if (this.state === ENDED) return this.#settled()
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
    this.current = null
    const error = this.#report(callbackOf(item), cause)
    if (this.state === ENDED) return this.#settled()
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
    this.#terminate()
  }

  /** Record that a broadcast was handled. If `isEnd` is true, the channel ends after the broadcast (RECOVERY-8). */
  #passed(item: Item, isEnd: boolean): void {
    if (this.catchUp !== null && item instanceof Broadcast) this.catchUp.handled(item, isEnd)
  }

  #take(item: Item): void {
    if (this.state !== ENDED) this.accept(item)
  }

  #handleIn(message: Message): unknown {
    const { event, payload } = message
    if (event === PHX_LEAVE) return undefined
    const { handleIn, handleAny } = this.definition
    const handler = handleIn.get(event) ?? (typeof event === 'string' ? handleAny : null)
    if (handler === null) return { error: { reason: UNMATCHED_EVENT } }
    const errors = handler.check === null ? null : handler.check(payload)
    if (errors !== null) return { error: { reason: INVALID_PAYLOAD, errors } }
    this.current = message
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
    this.forgetId()
    this.connection.pubsub.unsubscribe(this.topic, this)
    this.resources?.release()
  }

  /**
   * Run `terminate`. If another callback is running, return undefined: `#settled` calls this method again when that
   * callback ends. If `terminate` is asynchronous, return its promise, which never rejects.
   */
  #terminate(): PromiseLike<unknown> | undefined {
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
      const pending = adopt(result).catch((cause: unknown) => void this.#report('terminate', cause))
      this.connection.settle(pending)
      return pending
    } catch (cause) {
      this.#report('terminate', cause)
    }
    return undefined
  }

  listenerFailed(cause: unknown): void {
    this.#report('onEnd', cause)
  }

  #report(callback: string, cause: unknown): CallbackError {
    const error = new CallbackError(this.definition.contract.topic, callback, cause)
    this.connection.report(error, this.topic)
    observeCrash(this, error)
    return error
  }
}

/** Whether an item is a broadcast, of the channel's topic or of a subscribed topic. */
function isBroadcast(item: Item): boolean {
  return item instanceof Broadcast || (item instanceof Info && Broadcast.is(item.value))
}
