import { isDeepStrictEqual } from 'node:util'
import {
  type Broadcast,
  CLOSE_GOING_AWAY,
  CLOSE_INTERNAL_ERROR,
  CLOSE_TRY_AGAIN_LATER,
  DISCONNECT,
  type Frame,
  HEARTBEAT,
  type Message,
  type Opcode,
  OVERLOADED,
  PHOENIX_TOPIC,
  PHX_CLOSE,
  PHX_JOIN,
  PHX_LEAVE,
  type Ref,
  Reply,
  type Serializer,
  TOO_MANY_CHANNELS,
  UNAUTHORIZED,
  UNMATCHED_TOPIC,
} from '../../protocol/index.ts'
import { Channel } from '../channel/channel.ts'
import type { ChannelHost } from '../channel/channel-host.ts'
import type { OutgoingCheck } from '../channel/outgoing-check.ts'
import type { PendingCallbacks } from '../channel/pending-callbacks.ts'
import { asksForRecovery } from '../channel/recovery.ts'
import type { Refreshed } from '../channel/refresh.ts'
import { shutdown } from '../channel/result.ts'
import type { ClosedBy, ClosedReason, SocketHandler, Transport } from '../channel/transport.ts'
import { type CallbackError, wordsOf } from '../errors.ts'
import type { BurstQueue } from '../limits/burst-queue.ts'
import type { Limits } from '../limits/config.ts'
import type { Drainer } from '../limits/drainer.ts'
import type { Trackers } from '../presence/trackers.ts'
import type { KeepOptions } from '../pubsub/keep.ts'
import type { PubSub, Subscriber } from '../pubsub/pubsub.ts'
import { defaultFilter } from '../telemetry/filter-parameters.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import type { AddressCounts } from './address-counts.ts'
import { endChannels, fault } from './boundary.ts'
import type { Handshake } from './connect.ts'
import { type CredentialHolder, type Credentials, credentialsOf } from './credentials.ts'
import type { AnySocket, Route } from './define-socket.ts'
import {
  publishClosed,
  publishLimit,
  publishOpened,
  publishRefusedFrame,
  publishRefusedJoin,
  publishSent,
} from './instrumentation.ts'
import { JoinQueue, PendingJoin } from './join-queue.ts'
import { Pace } from './pace.ts'
import type { PeerAddress } from './peer-address.ts'
import type { SocketRates } from './rate.ts'

// Problem: one connection carries many channels. Its messages must reach the right channel in order, joins may take
// long, and clients must not be able to fill the server's memory.
//
// Approach: `Socket` decodes each frame, charges it to the rate limiter (`Pace`), and routes it by topic. While a join
// is pending, later messages of its topic wait (`JoinQueue`). The replies to joins are sent in the order of the
// requests. Waiting messages are counted over all channels of the connection; if there are too many, the transport
// stops reading.
//
// Invariant: a topic has at most one channel per connection. A channel handles a message only if their join_refs are
// equal, or one of the two is null (MESSAGE-3).

/** Interface through which a socket uses its endpoint. */
export interface SocketHost {
  readonly pubsub: PubSub
  readonly sockets: Set<Socket>
  readonly limits: Limits
  readonly rates: SocketRates
  readonly admission: BurstQueue
  /** Number of joined or joining channels of all sockets. Each socket updates this number. */
  channelCount: number
  /** Number of joined or joining channels by address. */
  readonly addressChannels: AddressCounts
  /** Channels by id. The getter `Channel.id` adds its channel at the first call. */
  readonly channels: Map<string, Channel>
  /** Time in milliseconds, on a cheap clock that advances only once per `sweepInterval`. */
  readonly now: number
  readonly trackers: Trackers
  readonly pendingCallbacks: PendingCallbacks
  readonly outgoing: OutgoingCheck | null
  readonly logger: { error(details: object, message: string): void }
  newId(): string
  send(broadcast: Broadcast, options?: KeepOptions): void
  confirm(broadcast: Broadcast, options: KeepOptions): Promise<boolean>
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError, details?: object): void
}

/** One connection of a client. It routes messages by topic and join_ref (MESSAGE-1 to MESSAGE-5). */
export class Socket implements CredentialHolder, ChannelHost, SocketHandler {
  readonly id: string | null
  /** The assigns that `connect` or the latest token refresh returned. */
  assigns: unknown
  readonly definition: AnySocket
  readonly serializer: Serializer
  readonly transport: Transport
  readonly host: SocketHost
  /** Options for closing the connection when the server stops. */
  readonly drainer: Drainer
  /** Expiry time and token refresh of the connection; null if the connection has neither. */
  readonly credentials: Credentials | null
  /** Address under which the connection is counted; null if it is not counted by address. */
  readonly address: PeerAddress | null
  /** Values of params whose key contains one of these words are not logged. */
  readonly filterParameters: readonly string[]
  readonly #limits: Limits
  readonly #channels: Map<string, Channel>
  #joins: JoinQueue | null
  readonly #pace: Pace
  #isClosed: boolean
  #queuedMessages: number
  #queuedBytes: number
  #queuedBroadcasts: number
  #isPaused: boolean
  #disconnectListener: DisconnectListener | null

  constructor(host: SocketHost, handshake: Handshake, transport: Transport) {
    this.id = handshake.id
    this.assigns = handshake.assigns
    this.definition = handshake.definition
    this.serializer = handshake.serializer
    this.transport = transport
    this.host = host
    this.drainer = handshake.drainer
    this.credentials = credentialsOf(this, handshake)
    this.address = handshake.address
    const { limits, rates } = handshake.settings ?? host
    this.filterParameters = handshake.settings?.filterParameters ?? defaultFilter
    this.#limits = limits
    this.#channels = new Map()
    this.#joins = null
    this.#pace = new Pace(rates)
    this.#isClosed = false
    this.#queuedMessages = 0
    this.#queuedBytes = 0
    this.#queuedBroadcasts = 0
    this.#isPaused = false
    this.#disconnectListener = null
    host.sockets.add(this)
    if (this.id !== null) this.#disconnectListener = new DisconnectListener(this, this.id)
    publishOpened(this, handshake)
  }

  get pubsub(): PubSub {
    return this.host.pubsub
  }

  get trackers(): Trackers {
    return this.host.trackers
  }

  get pendingCallbacks(): PendingCallbacks {
    return this.host.pendingCallbacks
  }

  get outgoing(): OutgoingCheck | null {
    return this.host.outgoing
  }

  get patterns(): readonly string[] {
    return this.definition.routes.map(({ definition }) => definition.pattern.pattern)
  }

  get channels(): Iterable<Channel> {
    return this.#channels.values()
  }

  /** Number of joined or joining channels. */
  get channelCount(): number {
    return this.#channels.size
  }

  /** Joined or joining channel of a topic. */
  channelOn(topic: string): Channel | undefined {
    return this.#channels.get(topic)
  }

  receive(data: string | Uint8Array, opcode: Opcode, size = data.length): void {
    if (this.#isClosed) return
    try {
      this.#receive(data, opcode, size)
    } catch (cause) {
      fault(this, 'receive', cause)
    }
  }

  #receive(data: string | Uint8Array, opcode: Opcode, size: number): void {
    let message: Message
    try {
      message = this.serializer.decode(data, opcode)
    } catch (error) {
      publishRefusedFrame(this, error)
      return this.close(CLOSE_INTERNAL_ERROR, 'closed')
    }
    message.size = size
    const { topic, event } = message
    // Heartbeats bypass all queues. If a heartbeat waited for a busy channel, the client would close the connection
    // (ORDER-4).
    if (topic === PHOENIX_TOPIC && event === HEARTBEAT) {
      if (this.#pace.admitsHeartbeat(this, message)) this.#reply(message, null, 'ok', {})
    } else if (this.#pace.admits(message, this)) this.#route(message)
  }

  pinged(): void {
    if (!this.#isClosed) this.#pace.admitsHeartbeat(this, NO_BYTES)
  }

  closed(reason: ClosedReason, code?: number, by?: ClosedBy): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (telemetry.socketClosed.hasSubscribers) publishClosed(this, reason, { code, by })
    this.host.sockets.delete(this)
    this.#disconnectListener?.stop()
    this.#joins?.abandon(this.host.admission)
    this.#joins = null
    endChannels(this, this.#channels.values(), reason)
    // A channel whose join was refused stays in the map until the reply is sent. Subtract such channels too.
    this.#countChannels(-this.#channels.size)
    this.#channels.clear()
  }

  /** Close the connection. The client gets only the close code; the channels get `reason` (CLOSE-1). */
  close(code: number, reason: ClosedReason): void {
    this.transport.close(code)
    this.closed(reason, code)
  }

  identify(channel: Channel): string {
    const id = this.host.newId()
    this.host.channels.set(id, channel)
    return id
  }

  forget(id: string): void {
    this.host.channels.delete(id)
  }

  send(message: Message | Reply, mustArrive = false): void {
    const frame = this.serializer.encode(message)
    frame.mustArrive = mustArrive
    this.transport.send(frame)
    if (telemetry.messageSent.hasSubscribers) publishSent(this, message.topic, frame)
  }

  async refresh(token: string, topic: string): Promise<Refreshed> {
    if (this.credentials !== null) return this.credentials.refresh(token, topic)
    return { reply: { error: { reason: UNAUTHORIZED } }, isClosing: false }
  }

  publish(broadcast: Broadcast, options?: KeepOptions): void {
    this.host.send(broadcast, options)
  }

  confirm(broadcast: Broadcast, options: KeepOptions): Promise<boolean> {
    return this.host.confirm(broadcast, options)
  }

  chargeReplay(bytes: number): number {
    return this.#pace.chargeReplay(bytes)
  }

  settle(promise: PromiseLike<unknown>): void {
    this.host.settle(promise)
  }

  report(error: CallbackError, topic: string): void {
    this.host.report(error, { socketId: this.id, topic })
  }

  reportStop(reason: unknown, details: { readonly topic: string; readonly callback: string }): void {
    const why = reason instanceof Error ? { err: reason } : { reason: wordsOf(reason) }
    this.host.logger.error({ socketId: this.id, ...details, ...why }, 'channel stopped')
  }

  answered(channel: Channel, frame: Frame, isOk: boolean): void {
    const decided = this.#joins?.find(channel)
    // A join is missing only if the connection has closed. Then no reply can be sent.
    if (decided === undefined) return
    decided.withdraw(this.host.admission)
    decided.reply = frame
    decided.isOk = isOk
    for (let join = this.#joins?.takeDecided(); join !== undefined; join = this.#joins?.takeDecided()) {
      this.#answer(join, join.reply as Frame)
    }
    if (this.#joins?.isEmpty) this.#joins = null
  }

  ended(channel: Channel): void {
    if (this.#channels.get(channel.topic) !== channel) return
    this.#channels.delete(channel.topic)
    this.#countChannels(-1)
  }

  queued(size: number): void {
    this.#queuedMessages += 1
    this.#queuedBytes += size
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits
    if (this.#isPaused || (this.#queuedMessages <= maxQueuedMessages && this.#queuedBytes <= maxQueuedBytes))
      return
    this.#isPaused = true
    this.transport.pause()
    publishLimit(this.host, this.#queuedMessages > maxQueuedMessages ? 'maxQueuedMessages' : 'maxQueuedBytes')
  }

  dequeued(size: number): void {
    this.#queuedMessages -= 1
    this.#queuedBytes -= size
    if (!this.#isPaused) return
    // Resume only at half of the limit, so that a client at the limit does not pause and resume with every message.
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits
    if (this.#queuedMessages * 2 > maxQueuedMessages || this.#queuedBytes * 2 > maxQueuedBytes) return
    this.#isPaused = false
    this.transport.resume()
  }

  queuedBroadcast(): void {
    this.#queuedBroadcasts += 1
    // If too many broadcasts wait for the channels of this connection, close the connection (CLOSE-3).
    if (this.#queuedBroadcasts <= this.#limits.maxQueuedBroadcasts) return
    publishLimit(this.host, 'maxQueuedBroadcasts')
    this.close(CLOSE_TRY_AGAIN_LATER, 'closed')
  }

  dequeuedBroadcasts(count: number): void {
    this.#queuedBroadcasts -= count
  }

  #route(message: Message): void {
    const { topic, event } = message
    if (typeof topic !== 'string' || topic.length > this.#limits.maxTopicLength) {
      if (typeof topic === 'string') publishLimit(this.host, 'maxTopicLength')
      return this.#unmatched(message)
    }
    const channel = this.#channels.get(topic)
    const join = channel === undefined ? undefined : this.#joins?.find(channel)
    if (join !== undefined) this.#wait(join, message)
    else if (event === PHX_JOIN) this.#join(topic, message, channel)
    else if (channel !== undefined) {
      // Ignore a stale message, because a reply to it would make clients reset the new channel (MESSAGE-4).
      if (isFresh(channel.joinRef, message.joinRef)) channel.accept(message)
    } else if (event === PHX_LEAVE) this.#reply(message, message.joinRef, 'ok', {})
    else this.#unmatched(message)
  }

  #join(topic: string, message: Message, current: Channel | undefined): void {
    const route = this.definition.route(topic)
    if (route === null) {
      publishRefusedJoin(this, message, UNMATCHED_TOPIC)
      return this.#unmatched(message)
    }
    if (current !== undefined && isOvertaken(message, current)) return
    const limit = this.#limitOfJoin(current)
    if (limit !== null) return this.#refuseJoin(message, limit)
    current?.end(shutdown('duplicate_join'), null)
    // The `terminate` callback of the replaced channel may have closed the connection.
    if (this.#isClosed) return
    const channel = new Channel(this, route.definition, topic, message)
    this.#channels.set(topic, channel)
    this.#countChannels(1)
    const join = new PendingJoin(channel, message, route)
    if (current !== undefined) join.replaced = current
    this.#joins ??= new JoinQueue()
    this.#joins.add(join)
    this.host.admission.enter(join)
  }

  /** Limit that a join would exceed; null if the join exceeds no limit. */
  #limitOfJoin(current: Channel | undefined): keyof Limits | null {
    const { limits, channelCount, addressChannels, admission } = this.host
    if (current === undefined) {
      if (this.#channels.size >= this.#limits.maxChannels) return 'maxChannels'
      if (channelCount >= limits.maxTotalChannels) return 'maxTotalChannels'
      if (addressChannels.isFull(this.address)) return 'maxChannelsPerAddress'
    }
    return admission.isFull ? 'maxWaitingJoins' : null
  }

  #countChannels(change: number): void {
    this.host.channelCount += change
    this.host.addressChannels.add(this.address, change)
  }

  #refuseJoin(message: Message, limit: keyof Limits): void {
    const reason = limit === 'maxChannels' ? TOO_MANY_CHANNELS : OVERLOADED
    publishLimit(this.host, limit)
    publishRefusedJoin(this, message, reason)
    this.#reply(message, message.joinRef, 'error', { reason })
  }

  /** Returns the socket's assigns, overridden by the assigns of the route. A copied instance keeps its class. */
  assignsOn({ assigns }: Pick<Route, 'assigns'>): unknown {
    if (assigns === null) return this.assigns
    const own = Object(this.assigns)
    const merged = { ...own, ...assigns }
    return Object.create(Object.getPrototypeOf(own), Object.getOwnPropertyDescriptors(merged))
  }

  #answer(join: PendingJoin, reply: Frame): void {
    const { channel, replaced, waiting } = join
    this.transport.send(reply)
    if (telemetry.messageSent.hasSubscribers) publishSent(this, channel.topic, reply)
    if (!join.isOk) this.ended(channel)
    replaced?.sendEnd(PHX_CLOSE)
    if (join.isOk) channel.open()
    for (const message of waiting) {
      // A callback may have ended the connection meanwhile.
      if (this.#isClosed) return
      this.dequeued(message.size)
      this.#route(message)
    }
  }

  #wait(join: PendingJoin, message: Message): void {
    const { event, joinRef } = message
    const isUnwanted = event === PHX_JOIN || (event === PHX_LEAVE && isFresh(join.channel.joinRef, joinRef))
    // If messages already wait for this join, do not cancel the join, because the channel of the join must handle these
    // messages.
    const isCancelled = join.isHeld && isUnwanted && join.waiting.length === 0
    join.waiting.push(message)
    this.queued(message.size)
    if (isCancelled) join.cancel(this.host.admission)
  }

  #unmatched(message: Message): void {
    // join_ref is null, because no channel handled the message (MESSAGE-5).
    this.#reply(message, null, 'error', { reason: UNMATCHED_TOPIC })
  }

  #reply(message: Message, joinRef: Ref, status: string, response: unknown): void {
    this.send(new Reply(joinRef, message.ref, message.topic, status, response))
  }
}

/** Size of a ping or pong for the rate limit. The payload (at most 125 bytes) is not charged. */
const NO_BYTES = { size: 0 }

/**
 * Returns true if a join that asks for recovery is older than the join of the current channel (RECOVERY-19). Long-poll
 * requests can overtake each other. If the older join replaced the current channel, the server would send phx_close for
 * the current channel, and the client would never rejoin.
 */
function isOvertaken({ joinRef, payload }: Message, current: Channel): boolean {
  if (current.recoveryId === null || !asksForRecovery(payload)) return false
  return isDecimal(joinRef) && isDecimal(current.joinRef) && Number(joinRef) < Number(current.joinRef)
}

function isDecimal(ref: Ref): boolean {
  return typeof ref === 'string' && /^\d{1,15}$/.test(ref)
}

/** True if the join_refs of a channel and a message are equal, or if one of them is null (MESSAGE-3). */
function isFresh(ofChannel: Ref, ofMessage: Ref): boolean {
  if (ofMessage === null || ofChannel === null) return true
  return ofMessage === ofChannel || isDeepStrictEqual(ofMessage, ofChannel)
}

/** Subscriber to the topic whose name is the socket's id. Closes the connection at the event `disconnect` (ID-2). */
class DisconnectListener implements Subscriber {
  readonly id = ''
  readonly #socket: Socket
  readonly #topic: string

  constructor(socket: Socket, topic: string) {
    this.#socket = socket
    this.#topic = topic
    const subscribing = socket.pubsub.subscribe(topic, this)
    if (subscribing !== undefined) socket.settle(subscribing)
  }

  receive(broadcast: Broadcast): void {
    if (broadcast.event === DISCONNECT) this.#socket.close(CLOSE_GOING_AWAY, 'disconnected')
  }

  stop(): void {
    this.#socket.pubsub.unsubscribe(this.#topic, this)
  }
}
