import type { Message } from '../../protocol/index.ts'
import type { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import {
  type HandleInOperation,
  type JoinOperation,
  type TelemetryChannel,
  telemetry,
} from '../telemetry/telemetry.ts'
import type { Channel } from './channel.ts'
import { HandleIn, Join } from './operation.ts'

// Telemetry events of channels. An event is created only while a listener is subscribed.

/** Whether a listener is subscribed to joins. */
export function isJoinObserved(): boolean {
  return telemetry.channelJoined.hasSubscribers || telemetry.channelJoining.hasSubscribers
}

/** Whether a listener is subscribed to messages. */
export function isHandleInObserved(): boolean {
  return telemetry.channelHandledIn.hasSubscribers || telemetry.channelHandlingIn.hasSubscribers
}

/** Run the join callback, and publish its start and its result. Throws what the callback throws. */
export function observeJoin(channel: Channel, params: unknown, join: () => unknown): unknown {
  const operation = new Join(channel, params)
  telemetry.channelJoining.publish(operation)
  return observe<Join, JoinOperation>(operation, join, telemetry.channelJoined)
}

/** Publish the telemetry event of a join that was refused before its callback was called. */
export function observeRefused(
  channel: Channel,
  params: unknown,
  response: { readonly reason: string },
): void {
  if (!telemetry.channelJoined.hasSubscribers) return
  const operation = new Join(channel, params)
  operation.returned({ error: response })
  telemetry.channelJoined.publish(operation)
}

/** Run the handler of a message, and publish its start and its result. Throws what the handler throws. */
export function observeHandleIn(channel: Channel, message: Message, handle: () => unknown): unknown {
  const operation = new HandleIn(channel, message)
  telemetry.channelHandlingIn.publish(operation)
  return observe<HandleIn, HandleInOperation>(operation, handle, telemetry.channelHandledIn)
}

/** Publish the telemetry event of a callback that has failed. */
export function observeCrash({ connection, topic }: Channel, error: CallbackError): void {
  if (!telemetry.channelCrashed.hasSubscribers) return
  const { owner: pattern, callback, cause } = error
  const { host: endpoint } = connection
  const told = { endpoint, socket: connection, topic, pattern, callback, reason: null }
  telemetry.channelCrashed.publish({ ...told, error: cause })
}

type Observed = Pick<Channel, 'connection' | 'definition' | 'topic'>

/** Publish the telemetry event of a join whose client asked for recovery. */
export function observeRecovery(
  { connection, definition, topic }: Observed,
  { recovered, head, seq }: { readonly recovered: boolean; readonly head: number; readonly seq: number },
  hadCursor: boolean,
): void {
  if (!telemetry.historyJoined.hasSubscribers) return
  const { topic: pattern } = definition.contract
  const told = { endpoint: connection.host, socket: connection, topic, pattern }
  telemetry.historyJoined.publish({ ...told, recovered, hadCursor, missed: head - seq })
}

/** Publish the telemetry event `historyReplayed`. `count` is the number of broadcasts sent from the history. */
export function observeReplay({ connection, topic }: Observed, count: number): void {
  if (!telemetry.historyReplayed.hasSubscribers) return
  telemetry.historyReplayed.publish({ endpoint: connection.host, socket: connection, topic, count })
}

/** Publish the telemetry event of a callback that stopped its channel for a reason that counts as a crash (END-2). */
export function observeStop(
  { connection, definition, topic }: Channel,
  callback: string,
  reason: unknown,
): void {
  if (!telemetry.channelCrashed.hasSubscribers) return
  const { topic: pattern } = definition.contract
  const { host: endpoint } = connection
  const told = { endpoint, socket: connection, topic, pattern, callback, reason }
  telemetry.channelCrashed.publish({ ...told, error: null })
}

function observe<O extends T & (Join | HandleIn), T>(
  operation: O,
  callback: () => unknown,
  done: TelemetryChannel<T>,
): unknown {
  const startedAt = performance.now()
  let value: unknown
  try {
    value = operation.runInContext === null ? callback() : operation.runInContext(callback)
    if (isPromise(value)) return observeLater(operation, value, { startedAt, done })
  } catch (error) {
    operation.threw(error)
    operation.duration = performance.now() - startedAt
    done.publish(operation)
    throw error
  }
  operation.returned(value)
  operation.duration = performance.now() - startedAt
  done.publish(operation)
  return value
}

async function observeLater<O extends T & (Join | HandleIn), T>(
  operation: O,
  promise: PromiseLike<unknown>,
  { startedAt, done }: { startedAt: number; done: TelemetryChannel<T> },
): Promise<unknown> {
  try {
    const value = await promise
    operation.returned(value)
    return value
  } catch (error) {
    operation.threw(error)
    throw error
  } finally {
    operation.duration = performance.now() - startedAt
    done.publish(operation)
  }
}
