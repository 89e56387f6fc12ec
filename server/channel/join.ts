import {
  CHANNEL_CRASH,
  type Frame,
  INVALID_PARAMS,
  JOIN_CRASHED,
  Message,
  PHX_ERROR,
  Reply,
} from '../../protocol/index.ts'
import { isPlainObject } from '../../protocol/shown.ts'
import { disown, isPromise } from '../runtime/promise.ts'
import { joinIfAuthorized } from './authorize.ts'
import { CatchUp } from './catch-up.ts'
import type { Channel } from './channel.ts'
import { isJoinObserved, observeJoin, observeRefused } from './instrumentation.ts'
import { takeRecovery, withRecovery } from './recovery.ts'
import { type Answer, badResult, type ExitReason, readJoin, shutdown } from './result.ts'
import type { ValidationError } from './validate.ts'

// The join of a channel: check the params, call `join`, subscribe to the topic, answer. The answer goes to the
// connection, which sends it after the answers to earlier joins (ORDER-3). Each step may be asynchronous, and the
// channel may end meanwhile. Every join is answered, here or by `Channel.revoke`, because the connection waits for the
// answer. After the connection has closed, no answer is needed.

/** Route of the joined topic: an entry of the socket definition. */
type Route = { readonly assigns: object | null }

/** Run the join of a new channel. The reply is passed to the connection's `answered`. */
export function runJoin(channel: Channel, given: unknown, route: Route): void {
  const { connection, topic } = channel
  const history = connection.pubsub.historyOf(topic)
  if (history === null) return begin(channel, given, route)
  const { params, asked } = takeRecovery(given, history.settings.size)
  if (asked === null && history.settings.onJoin === 0) return begin(channel, params, route)
  channel.catchUp = new CatchUp(channel, history, asked)
  const noting = channel.catchUp.note()
  if (noting === undefined) return begin(channel, params, route)
  connection.settle(noting.then(() => begin(channel, params, route)))
}

/** Refuse a join whose `join` callback has not been called. */
export function refuseUncalled(
  channel: Channel,
  params: unknown,
  response: { readonly reason: string; readonly errors?: readonly ValidationError[] },
): void {
  observeRefused(channel, params, response)
  refuseJoin(channel, response)
}

/** Refuse the join. The client gets only the reply (JOIN-2). */
export function refuseJoin(channel: Channel, response: { readonly reason: string }): void {
  reject(channel, 'shutdown', replyFrame(channel, 'error', response))
}

function begin(channel: Channel, params: unknown, route: Route): void {
  const { connection, definition } = channel
  // The channel may have ended, because `revoke` has refused the join or the connection has closed.
  if (channel.hasEnded) return
  let result: unknown
  let pending: Promise<void> | null = null
  try {
    const errors = definition.checkParams?.(params) ?? null
    if (errors !== null) return refuseUncalled(channel, params, { reason: INVALID_PARAMS, errors })
    result = callJoin(channel, params, connection.assignsOn(route))
    if (isPromise(result)) pending = joinLater(channel, result)
  } catch (error) {
    return joinFailed(channel, error)
  }
  if (pending === null) return joinReturned(channel, result)
  // Make a stopping server wait for `join`, because `terminate` runs after `join` if the channel ends meanwhile.
  if (definition.terminate !== null) connection.settle(pending)
}

function callJoin(channel: Channel, params: unknown, assigns: unknown): unknown {
  // The cast is safe: the type of `SocketDefinition.channel` ensures that `definition.assigns` accepts these assigns.
  const own = channel.definition.assigns?.(assigns as never) ?? copyOf(assigns)
  if (isPromise(own)) {
    disown(own)
    throw badResult('assigns', own)
  }
  channel.assigns = own
  // Items wait until the join's reply is written and `open` is called.
  channel.hold()
  return isJoinObserved()
    ? observeJoin(channel, params, () => joinIfAuthorized(channel, assigns, params))
    : joinIfAuthorized(channel, assigns, params)
}

/** Copy assigns that are a plain object. Return any other value as it is: a copied instance would lack its methods. */
function copyOf(assigns: unknown): unknown {
  return isPlainObject(assigns ?? {}) ? { ...Object(assigns) } : assigns
}

async function joinLater(channel: Channel, pending: PromiseLike<unknown>): Promise<void> {
  let result: unknown
  const { pendingCallbacks } = channel.connection
  pendingCallbacks.add(channel, null)
  try {
    result = await pending
  } catch (error) {
    return joinFailed(channel, error)
  } finally {
    pendingCallbacks.remove(channel)
  }
  joinReturned(channel, result)
}

function joinReturned(channel: Channel, result: unknown): void {
  const { connection } = channel
  let answer: Answer
  let frame: Frame
  try {
    answer = readJoin(result)
    frame = replyFrame(channel, answer.status, answer.response)
    if (answer.status === 'ok') connection.outgoing?.joinReply(channel, answer.response)
  } catch (error) {
    return joinFailed(channel, error)
  }
  // The channel may have ended while `join` was pending or the response was encoded, because `revoke` has refused the
  // join or the connection has closed. Then `terminate` must clean up after `join`.
  if (channel.hasEnded) return void channel.terminate()
  if (answer.status === 'error') {
    reject(channel, 'shutdown', frame)
    return void channel.terminate()
  }
  const standing = channel.admit()
  const subscribed = () => answerJoin(channel, frame, answer.response)
  if (standing === undefined) return subscribed()
  connection.settle(standing.finally(subscribed))
}

/** Answer the join. If the channel uses a history, first find the client's position in the history. */
function answerJoin(channel: Channel, frame: Frame, response: unknown): void {
  const { catchUp, connection } = channel
  if (catchUp === null) return connection.answered(channel, frame, true)
  const { id } = catchUp
  catchUp.recover((recovery) => {
    // Answer even if the channel has ended meanwhile, because the connection still waits for the answer.
    if (channel.hasEnded) return connection.answered(channel, frame, true)
    if (recovery === null) return answerWithoutHistory(channel, frame)
    if (id === null) return connection.answered(channel, frame, true)
    const { epoch, seq, head, recovered } = recovery
    let whole: Frame
    try {
      whole = replyFrame(channel, 'ok', withRecovery(response, { epoch, seq, head, id, recovered }))
    } catch (error) {
      return joinFailed(channel, error)
    }
    connection.answered(channel, whole, true)
  })
}

/**
 * Answer the join if the topic's history cannot be read. A client that asked for recovery gets `phx_error` and rejoins
 * later (RECOVERY-12). Any other client joins without the history.
 */
function answerWithoutHistory(channel: Channel, frame: Frame): void {
  const { connection, joinRef, topic } = channel
  if (channel.recoveryId === null) {
    channel.leaveHistory()
    return connection.answered(channel, frame, true)
  }
  const error = new Message(joinRef, joinRef, topic, PHX_ERROR, { reason: CHANNEL_CRASH })
  reject(channel, shutdown('gap'), connection.serializer.encode(error))
  channel.terminate()
}

function joinFailed(channel: Channel, cause: unknown): void {
  channel.report('join', cause)
  // An ended channel needs no reply, because `revoke` has replied or the connection has closed.
  if (channel.hasEnded) return
  reject(channel, 'normal', replyFrame(channel, 'error', { reason: JOIN_CRASHED }))
}

/** End the channel, and answer its join with `frame`. */
function reject(channel: Channel, exit: ExitReason, frame: Frame): void {
  channel.reject(exit)
  channel.connection.answered(channel, frame, false)
}

function replyFrame(
  { connection, joinRef, joinMessageRef, topic }: Channel,
  status: string,
  response: unknown,
): Frame {
  return connection.serializer.encode(new Reply(joinRef, joinMessageRef, topic, status, response))
}
