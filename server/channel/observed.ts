import type { Message } from '../../protocol/index.ts'
import type { CallbackError } from '../errors.ts'
import { type HandleInOperation, type JoinOperation, type TelemetryChannel, telemetry } from '../telemetry.ts'
import type { ChannelHandle } from './channel-handle.ts'
import { isPromise } from './process.ts'
import { readReply, readStop } from './result.ts'

// What channels tell the listeners of telemetry. None of it runs while nobody listens.

/** What is told when a callback is done, and its result if it returns nothing. */
type Ending<O> = { readonly channel: TelemetryChannel<O>; readonly nothing: 'none' | 'crash' }

const JOINED: Ending<JoinOperation> = { channel: telemetry.channelJoined, nothing: 'crash' }
const HANDLED_IN: Ending<HandleInOperation> = { channel: telemetry.channelHandledIn, nothing: 'none' }

/** Whether anybody wants to hear of joins. */
export function isJoinObserved(): boolean {
  return telemetry.channelJoined.hasSubscribers || telemetry.channelJoining.hasSubscribers
}

/** Whether anybody wants to hear of messages. */
export function isHandleInObserved(): boolean {
  return telemetry.channelHandledIn.hasSubscribers || telemetry.channelHandlingIn.hasSubscribers
}

/** Run the join callback and tell of it. @throws what the callback throws. */
export function observeJoin(channel: ChannelHandle, params: unknown): unknown {
  const operation = joinOperation(channel, params)
  telemetry.channelJoining.publish(operation)
  return observe(operation, () => channel.definition.join(params, channel), JOINED)
}

/** Tell of a join that was refused without asking the callback. */
export function observeRefused(channel: ChannelHandle, params: unknown, reason: string): void {
  if (!telemetry.channelJoined.hasSubscribers) return
  const operation = joinOperation(channel, params)
  operation.result = 'error'
  operation.reason = reason
  telemetry.channelJoined.publish(operation)
}

/** Run what handles a message and tell of it. @throws what the callback throws. */
export function observeHandleIn(channel: ChannelHandle, message: Message, handle: () => unknown): unknown {
  const operation = handleInOperation(channel, message)
  telemetry.channelHandlingIn.publish(operation)
  return observe(operation, handle, HANDLED_IN)
}

/** Tell of a callback that threw. */
export function observeCrash({ connection, topic }: ChannelHandle, error: CallbackError): void {
  if (!telemetry.channelCrashed.hasSubscribers) return
  const { owner: pattern, callback, cause } = error
  const { host: endpoint } = connection
  telemetry.channelCrashed.publish({ endpoint, socket: connection, topic, pattern, callback, error: cause })
}

function observe<O extends JoinOperation | HandleInOperation>(
  operation: O,
  callback: () => unknown,
  ending: Ending<O>,
): unknown {
  const startedAt = performance.now()
  let value: unknown
  try {
    value = operation.within === null ? callback() : operation.within(callback)
  } catch (error) {
    crashed(operation, error)
    end(operation, startedAt, ending.channel)
    throw error
  }
  if (!isPromise(value)) {
    returned(operation, value, ending.nothing)
    end(operation, startedAt, ending.channel)
    return value
  }
  return value.then(
    (settled) => {
      returned(operation, settled, ending.nothing)
      end(operation, startedAt, ending.channel)
      return settled
    },
    (error: unknown) => {
      crashed(operation, error)
      end(operation, startedAt, ending.channel)
      throw error
    },
  )
}

function returned(operation: JoinOperation | HandleInOperation, value: unknown, nothing: string): void {
  const answer = readReply(value)
  if (answer !== null) {
    operation.result = answer.status
    if (answer.status !== 'ok') operation.reason = reasonOf(answer.response)
  } else if (value === undefined) operation.result = nothing
  else operation.result = readStop(value) === null ? 'crash' : 'stop'
}

function crashed(operation: JoinOperation | HandleInOperation, error: unknown): void {
  operation.result = 'crash'
  operation.error = error
}

function end<O extends JoinOperation | HandleInOperation>(
  operation: O,
  startedAt: number,
  channel: TelemetryChannel<O>,
): void {
  operation.duration = performance.now() - startedAt
  channel.publish(operation)
}

function reasonOf(response: unknown): unknown {
  return typeof response === 'object' && response !== null && 'reason' in response ? response.reason : null
}

function joinOperation({ connection, definition, topic }: ChannelHandle, params: unknown): JoinOperation {
  return {
    endpoint: connection.host,
    socket: connection,
    topic,
    pattern: definition.contract.topic,
    params,
    within: null,
    result: null,
    reason: null,
    error: null,
    duration: 0,
  }
}

function handleInOperation(
  { connection, definition, topic }: ChannelHandle,
  { event, ref, payload, size }: Message,
): HandleInOperation {
  return {
    endpoint: connection.host,
    socket: connection,
    topic,
    pattern: definition.contract.topic,
    // Only names of the definition: those of other events are the client's, as many as it likes.
    event: typeof event === 'string' && definition.handleIn.has(event) ? event : null,
    ref,
    payload,
    size,
    within: null,
    result: null,
    reason: null,
    error: null,
    duration: 0,
  }
}
