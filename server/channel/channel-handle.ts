import { checkOption } from '../../protocol/check.ts'
import { Broadcast, type Contract, Message, type Ref, Reply, subtopic } from '../../protocol/index.ts'
import { UsageError, wordsOf } from '../errors.ts'
import type { Trackers } from '../presence/trackers.ts'
import { checkDelay } from '../runtime/delay.ts'
import type { CatchUp } from './catch-up.ts'
import type {
  BroadcastOptions,
  CancelInfo,
  ChannelSocket,
  PublishOptions,
  SocketRef,
} from './channel-socket.ts'
import type { Connection } from './connection.ts'
import type { ChannelDefinition } from './define-channel.ts'
import { type EndListener, Holdings } from './holdings.ts'
import { Process } from './process.ts'
import { broadcastOptions, channelPublishOptions } from './publish-options.ts'
import { badResult, readReply } from './result.ts'

// The life of a channel. ANSWERED: join returned ok, but its reply waits for its turn.
export const JOINING = 0
export const ANSWERED = 1
export const JOINED = 2
export const ENDED = 3

/** A channel's message to itself. */
export class Info {
  readonly name: string
  readonly value: unknown

  constructor(name: string, value: unknown) {
    this.name = name
    this.value = value
  }
}

/** What a channel handles, one at a time. */
export type Item = Message | Broadcast | Info

/** A channel as its callbacks see it: what they may know and do. Its life is in `Channel`. */
export abstract class ChannelHandle extends Process<Item> implements ChannelSocket<Contract> {
  assigns: unknown
  readonly topic: string
  readonly connection: Connection
  readonly definition: ChannelDefinition
  /** The join's join_ref, which later messages must carry; null accepts any (JOIN-4). */
  readonly joinRef: Ref
  /** The ref of the join, which its reply carries. */
  protected readonly joinMessageRef: Ref
  protected state: number
  /** The client's message that is being handled. */
  protected current: Message | null
  protected holdings: Holdings | null
  /** Its place in its topic's history; null if the client gets nothing of it. */
  protected catchUp: CatchUp | null
  #id: string | null

  constructor(connection: Connection, definition: ChannelDefinition, topic: string, join: Message) {
    super()
    this.assigns = undefined
    this.topic = topic
    this.connection = connection
    this.definition = definition
    this.joinRef = join.joinRef
    this.joinMessageRef = join.ref
    this.state = JOINING
    this.current = null
    this.holdings = null
    this.catchUp = null
    this.#id = null
  }

  get id(): string {
    this.#id ??= this.identify()
    return this.#id
  }

  /** Under which its client sends: what leaves out its sender is also left out when it is replayed (RECOVERY-7). */
  get senderId(): string {
    return this.catchUp?.id ?? this.id
  }

  get recoveryId(): string | null {
    return this.catchUp?.id ?? null
  }

  /** What replies and pushes carry: the join_ref, or the join's ref where that was null. */
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

  /** True until the join's reply is written. */
  get isJoining(): boolean {
    return this.state < JOINED
  }

  push(event: string, payload: unknown): void {
    this.#mustHaveJoined('push')
    if (this.catchUp === null || !this.catchUp.holdBack(event, payload)) {
      this.connection.send(new Message(this.ownRef, null, this.topic, event, payload))
    }
    this.connection.outgoing?.push(this, event, payload)
  }

  broadcast(event: string, payload: unknown, options?: BroadcastOptions): void {
    this.#mustHaveJoined('broadcast')
    if (options !== undefined) checkOption('broadcast(): the options', options, broadcastOptions)
    this.connection.publish(new Broadcast(this.topic, event, payload), options)
  }

  broadcastFrom(event: string, payload: unknown, options?: BroadcastOptions): void {
    this.#mustHaveJoined('broadcastFrom')
    if (options !== undefined) checkOption('broadcastFrom(): the options', options, broadcastOptions)
    this.connection.publish(new Broadcast(this.topic, event, payload, { from: this.senderId }), options)
  }

  async publish(event: string, payload: unknown, options: PublishOptions = {}): Promise<boolean> {
    this.#mustHaveJoined('publish')
    checkOption('publish(): the options', options, channelPublishOptions)
    const { toSelf = true, ...others } = options
    const from = toSelf ? null : this.senderId
    return this.connection.confirm(new Broadcast(this.topic, event, payload, { from }), others)
  }

  ref<R>(): SocketRef<R> {
    if (this.current === null) {
      throw new UsageError('PHX_ERR_NO_REF', `${this.topic}: call ref() in handleIn, before it returns`)
    }
    // The phantom field with the reply's type exists for the compiler only.
    const { ref, event } = this.current
    return { joinRef: this.ownRef, ref, topic: this.topic, event } as SocketRef<R>
  }

  reply(ref: SocketRef<unknown>, result: unknown): void {
    const answer = readReply(result)
    if (answer === null) throw badResult('reply', result)
    this.connection.send(new Reply(ref.joinRef, ref.ref, ref.topic, answer.status, answer.response))
    this.connection.outgoing?.reply(this, ref.event, answer)
  }

  sendInfo(name: string, value?: unknown): void {
    this.#mustHandleInfo(name)
    if (this.state !== ENDED) this.accept(new Info(name, value))
  }

  sendInfoAfter(ms: number, name: string, value?: unknown): CancelInfo {
    this.#mustHandleInfo(name)
    checkDelay('sendInfoAfter', ms)
    // A handler that was still pending at the end may ask; there is nobody left to send to.
    if (this.state === ENDED) return () => {}
    return this.#holds().startTimer(ms, name, value)
  }

  subscribe(topic: string): void {
    this.#mustHandleInfo('broadcast')
    if (this.state === ENDED) return
    const standing = this.#holds().subscribe(topic)
    if (standing !== undefined) this.connection.settle(standing)
  }

  unsubscribe(topic: string): void {
    this.holdings?.unsubscribe(topic)
  }

  /** Have a listener told once when the channel ends, however it ends; at once if it has ended. */
  onEnd(listener: EndListener): void {
    if (this.state === ENDED) listener.ended(this)
    else this.#holds().addListener(listener)
  }

  intercepts(event: string): boolean {
    return this.definition.handleOut.has(event)
  }

  /** Push at once, also what `handleOut` pushes. */
  pushNow(event: string, payload: object, mustArrive: boolean): void {
    this.connection.send(new Message(this.ownRef, null, this.topic, event, payload), mustArrive)
  }

  /** Whether its client asked for recovery, and is told when places are lost (RECOVERY-11). */
  get isRecoverable(): boolean {
    return this.recoveryId !== null
  }

  /** Places are lost: until the channel ends its client gets nothing that is kept. */
  suspend(): void {
    this.catchUp?.stop()
  }

  abstract listenerFailed(cause: unknown): void
  protected abstract identify(): string

  /** The channel has ended: it is not found by its id any more. */
  protected forgetId(): void {
    if (this.#id !== null) this.connection.forget(this.#id)
  }

  #holds(): Holdings {
    this.holdings ??= new Holdings(this, this.connection.pubsub)
    return this.holdings
  }

  #mustHaveJoined(call: string): void {
    if (this.state >= JOINED) return
    throw new UsageError(
      'PHX_ERR_NOT_JOINED',
      `${this.topic}: ${call}() before the join is answered; call sendInfo() in join and ${call}() in handleInfo`,
    )
  }

  #mustHandleInfo(name: string): void {
    const { handleInfo } = this.definition
    if (handleInfo.has(name)) return
    const known = [...handleInfo.keys()].join(', ') || 'no handlers'
    throw new UsageError('PHX_ERR_DEFINITION', `${this.topic}: handleInfo has no "${name}"; it has ${known}`)
  }
}

/** The name of the callback that handles an item; null stands for the join. */
export function callbackOf(item: Item | null): string {
  if (item === null) return 'join'
  if (item instanceof Message) return `handleIn.${wordsOf(item.event)}`
  return item instanceof Info ? `handleInfo.${item.name}` : `handleOut.${item.event}`
}
