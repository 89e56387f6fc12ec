import { isDeepStrictEqual } from 'node:util'
import {
  type Broadcast,
  CLOSE_INTERNAL_ERROR,
  CLOSE_TRY_AGAIN_LATER,
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
import type { Connection } from '../channel/connection.ts'
import type { OutgoingCheck } from '../channel/outgoing-check.ts'
import type { PendingCallbacks } from '../channel/pending-callbacks.ts'
import type { Refreshed } from '../channel/refresh.ts'
import { shutdown } from '../channel/result.ts'
import type { ClosedBy, ClosedReason, SocketHandler, Transport } from '../channel/transport.ts'
import { type CallbackError, wordsOf } from '../errors.ts'
import type { BurstQueue } from '../limits/burst-queue.ts'
import type { Limits } from '../limits/config.ts'
import type { Drainer } from '../limits/drainer.ts'
import type { Trackers } from '../presence/trackers.ts'
import type { KeepOptions, PubSub } from '../pubsub/pubsub.ts'
import { defaultFilter } from '../telemetry/filter-parameters.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import type { AddressCounts } from './address-counts.ts'
import { endChannels, fault } from './boundary.ts'
import type { Handshake } from './connect.ts'
import { type Bearer, type Credentials, credentialsOf } from './credentials.ts'
import type { AnySocket, Route } from './define-socket.ts'
import { Disconnection } from './disconnection.ts'
import { JoinQueue, PendingJoin } from './join-queue.ts'
import { tellClosed, tellLimit, tellOpened, tellRefusedFrame, tellRefusedJoin, tellSent } from './observed.ts'
import { Pace } from './pace.ts'
import type { PeerAddress } from './peer-address.ts'
import type { SocketRates } from './rate.ts'

/** What a socket needs of the running system. */
export interface SocketHost {
  readonly pubsub: PubSub
  readonly sockets: Set<Socket>
  readonly limits: Limits
  readonly rates: SocketRates
  readonly admission: BurstQueue
  /** Of all sockets, joined or joining; they keep it. */
  channelCount: number
  /** The same by address. */
  readonly addressChannels: AddressCounts
  /** The channels whose ids have been asked for, by these. */
  readonly channels: Map<string, Channel>
  /** Milliseconds, of a clock that may lag behind by one look at the connections. */
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

/** One connection: it routes the client's messages by topic and join_ref (MESSAGE-1 to MESSAGE-5). */
export class Socket implements Bearer, Connection, SocketHandler {
  readonly id: string | null
  /** A fresh token gives fresh ones. */
  assigns: unknown
  readonly definition: AnySocket
  readonly serializer: Serializer
  readonly transport: Transport
  readonly host: SocketHost
  /** How it is closed when the server stops. */
  readonly drainer: Drainer
  /** Until when it may stay; null if for ever. */
  readonly credentials: Credentials | null
  /** The address that it is counted under; null if it is not counted. */
  readonly address: PeerAddress | null
  /** Its params are not logged under keys that contain one of these. */
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
  #disconnection: Disconnection | null

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
    this.#disconnection = null
    host.sockets.add(this)
    if (this.id !== null) this.#disconnection = new Disconnection(this, this.id)
    tellOpened(this, handshake)
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

  get channels(): Iterable<Channel> {
    return this.#channels.values()
  }

  /** How many channels are joined or joining. */
  get channelCount(): number {
    return this.#channels.size
  }

  /** The channel that has joined a topic, or is about to. */
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
      tellRefusedFrame(this, error)
      return this.close(CLOSE_INTERNAL_ERROR, 'closed')
    }
    message.size = size
    const { topic, event } = message
    // Heartbeats overtake everything: a busy channel must not cost the connection (ORDER-4).
    if (topic === PHOENIX_TOPIC && event === HEARTBEAT) {
      if (this.#pace.admitsHeartbeat(this)) this.#reply(message, null, 'ok', {})
    } else if (this.#pace.admits(message, this)) this.#route(message)
  }

  pinged(): void {
    if (!this.#isClosed) this.#pace.admitsHeartbeat(this)
  }

  closed(reason: ClosedReason, code?: number, by?: ClosedBy): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (telemetry.socketClosed.hasSubscribers) tellClosed(this, reason, { code, by })
    this.host.sockets.delete(this)
    this.#disconnection?.stop()
    this.#joins?.abandon(this.host.admission)
    this.#joins = null
    endChannels(this, this.#channels.values(), reason)
    // Those whose join was refused, and waits to be answered, have ended already.
    this.#countChannels(-this.#channels.size)
    this.#channels.clear()
  }

  /** End the connection from this side; nothing but the close code goes out (CLOSE-1). */
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
    if (telemetry.messageSent.hasSubscribers) tellSent(this, message.topic, frame)
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
    // The connection is gone, and with it everybody who could read the answer.
    if (decided === undefined) return
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
    tellLimit(this.host, this.#queuedMessages > maxQueuedMessages ? 'maxQueuedMessages' : 'maxQueuedBytes')
  }

  dequeued(size: number): void {
    this.#queuedMessages -= 1
    this.#queuedBytes -= size
    if (!this.#isPaused) return
    // Half-way down, so that a client at the limit does not stop and start with every message.
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits
    if (this.#queuedMessages * 2 > maxQueuedMessages || this.#queuedBytes * 2 > maxQueuedBytes) return
    this.#isPaused = false
    this.transport.resume()
  }

  queuedBroadcast(): void {
    this.#queuedBroadcasts += 1
    // Broadcasts cannot be made to wait, as the client's messages can (CLOSE-3).
    if (this.#queuedBroadcasts <= this.#limits.maxQueuedBroadcasts) return
    tellLimit(this.host, 'maxQueuedBroadcasts')
    this.close(CLOSE_TRY_AGAIN_LATER, 'closed')
  }

  dequeuedBroadcasts(count: number): void {
    this.#queuedBroadcasts -= count
  }

  #route(message: Message): void {
    const { topic, event } = message
    if (typeof topic !== 'string' || topic.length > this.#limits.maxTopicLength) {
      if (typeof topic === 'string') tellLimit(this.host, 'maxTopicLength')
      return this.#unmatched(message)
    }
    const channel = this.#channels.get(topic)
    const join = channel === undefined ? undefined : this.#joins?.find(channel)
    if (join !== undefined) this.#wait(join, message)
    else if (event === PHX_JOIN) this.#join(topic, message, channel)
    else if (channel !== undefined) {
      // A stale message gets silence: an answer would make clients reset the new channel (MESSAGE-4).
      if (isFresh(channel.joinRef, message.joinRef)) channel.handle(message)
    } else if (event === PHX_LEAVE) this.#reply(message, message.joinRef, 'ok', {})
    else this.#unmatched(message)
  }

  #join(topic: string, message: Message, current: Channel | undefined): void {
    const route = this.definition.route(topic)
    if (route === null) {
      tellRefusedJoin(this, message, UNMATCHED_TOPIC)
      return this.#unmatched(message)
    }
    const limit = this.#limitOfJoin(current)
    if (limit !== null) return this.#refuseJoin(message, limit)
    current?.end(shutdown('duplicate_join'), null)
    // Its terminate may have ended the connection.
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

  /** The limit that keeps a topic from being joined; null if none does. */
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
    tellLimit(this.host, limit)
    tellRefusedJoin(this, message, reason)
    this.#reply(message, message.joinRef, 'error', { reason })
  }

  /** The socket's assigns, and over them those of a route. */
  assignsOn({ assigns }: Pick<Route, 'assigns'>): unknown {
    return assigns === null ? this.assigns : { ...Object(this.assigns), ...assigns }
  }

  #answer(join: PendingJoin, reply: Frame): void {
    const { channel, replaced, waiting } = join
    this.transport.send(reply)
    if (telemetry.messageSent.hasSubscribers) tellSent(this, channel.topic, reply)
    if (!join.isOk) this.ended(channel)
    replaced?.sendEnd(PHX_CLOSE)
    if (join.isOk) channel.open()
    for (const message of waiting) {
      // A callback that has run meanwhile may have ended the connection.
      if (this.#isClosed) return
      this.dequeued(message.size)
      this.#route(message)
    }
  }

  #wait(join: PendingJoin, message: Message): void {
    const { event, joinRef } = message
    const isUnwanted = event === PHX_JOIN || (event === PHX_LEAVE && isFresh(join.channel.joinRef, joinRef))
    // With messages behind it, it is needed all the same.
    const isCancelled = join.isHeld && isUnwanted && join.waiting.length === 0
    join.waiting.push(message)
    this.queued(message.size)
    if (isCancelled) join.cancel(this.host.admission)
  }

  #unmatched(message: Message): void {
    // join_ref is null: the answer is for the push, not for a channel (MESSAGE-5).
    this.#reply(message, null, 'error', { reason: UNMATCHED_TOPIC })
  }

  #reply(message: Message, joinRef: Ref, status: string, response: unknown): void {
    this.send(new Reply(joinRef, message.ref, message.topic, status, response))
  }
}

/** A null on either side fits everything; otherwise they are compared by value, as they came (MESSAGE-3). */
function isFresh(joined: Ref, given: Ref): boolean {
  return given === null || joined === null || given === joined || isDeepStrictEqual(given, joined)
}
