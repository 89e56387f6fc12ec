import { checkOption } from '../../protocol/check.ts'
import { Broadcast, type Contract, Message, type Ref, Reply, subtopic } from '../../protocol/index.ts'
import { UsageError, wordsOf } from '../errors.ts'
import type { Trackers } from '../presence/trackers.ts'
import { checkDelay } from '../runtime/delay.ts'
import type { CatchUp } from './catch-up.ts'
import type { ChannelHost } from './channel-host.ts'
import type {
  BroadcastOptions,
  CancelInfo,
  ChannelSocket,
  PublishOptions,
  SocketRef,
} from './channel-socket.ts'
import type { ChannelDefinition } from './define-channel.ts'
import { Process } from './process.ts'
import { broadcastOptions, channelPublishOptions } from './publish-options.ts'
import { type EndListener, Resources } from './resources.ts'
import { badResult, readReply } from './result.ts'

// States of a channel. ANSWERED: `join` returned ok, but the reply waits for the replies to earlier joins.
export const JOINING = 0
export const ANSWERED = 1
export const JOINED = 2
export const ENDED = 3

/** Message that `sendInfo` sends to a channel. */
export class Info {
  readonly name: string
  readonly value: unknown

  constructor(name: string, value: unknown) {
    this.name = name
    this.value = value
  }
}

/** Unit of work of a channel. A channel handles one item at a time. */
export type Item = Message | Broadcast | Info

/** Methods that the callbacks of a channel call. `Channel` adds the life cycle. */
export abstract class ChannelHandle extends Process<Item> implements ChannelSocket<Contract> {
  assigns: unknown
  readonly topic: string
  readonly connection: ChannelHost
  readonly definition: ChannelDefinition
  /**
   * join_ref of the join. Later messages must have the same join_ref, unless the join_ref of the join is null (JOIN-4).
   */
  readonly joinRef: Ref
  /** ref of the join message. The reply to the join repeats this ref. */
  protected readonly joinMessageRef: Ref
  protected state: number
  /** Client's message that is being handled. */
  protected current: Message | null
  protected resources: Resources | null
  /** Sends broadcasts of the topic's history to the client; null if the client gets no broadcasts of a history. */
  protected catchUp: CatchUp | null
  #id: string | null

  constructor(connection: ChannelHost, definition: ChannelDefinition, topic: string, join: Message) {
    super()
    this.assigns = undefined
    this.topic = topic
    this.connection = connection
    this.definition = definition
    this.joinRef = join.joinRef
    this.joinMessageRef = join.ref
    this.state = JOINING
    this.current = null
    this.resources = null
    this.catchUp = null
    this.#id = null
  }

  get id(): string {
    this.#id ??= this.identify()
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

  /** join_ref of pushes and of replies to messages. For a join without a join_ref, the ref of the join. */
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
      throw new UsageError(
        'PHX_ERR_NO_REF',
        `${this.topic}: ref() must be called in handleIn, before the handler returns`,
      )
    }
    this.connection.outgoing?.referenced(this.current)
    // The cast is safe: the phantom field with the reply's type exists only for the compiler.
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
    // Start no timer for an ended channel. A handler that was pending at the end may still call this method.
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
    this.resources?.unsubscribe(topic)
  }

  /**
   * Call a listener once when the channel ends for any reason. If the channel has already ended, call the listener
   * immediately.
   */
  onEnd(listener: EndListener): void {
    if (this.state === ENDED) listener.ended(this)
    else this.#holds().addListener(listener)
  }

  intercepts(event: string): boolean {
    return this.definition.handleOut.has(event)
  }

  /** Push immediately. Unlike `push`, this method does not wait for the end of `handleOut`. */
  pushNow(event: string, payload: object, mustArrive: boolean): void {
    this.connection.send(new Message(this.ownRef, null, this.topic, event, payload), mustArrive)
  }

  /** Whether the client asked for recovery. If the history loses broadcasts, this client must rejoin (RECOVERY-11). */
  get isRecoverable(): boolean {
    return this.recoveryId !== null
  }

  /**
   * Send no more broadcasts of the topic's history. Called when the history has lost broadcasts. The channel ends a few
   * seconds later.
   */
  suspend(): void {
    this.catchUp?.stop()
  }

  abstract listenerFailed(cause: unknown): void
  protected abstract identify(): string

  /** Remove the id of an ended channel from the connection. */
  protected forgetId(): void {
    if (this.#id !== null) this.connection.forget(this.#id)
  }

  #holds(): Resources {
    this.resources ??= new Resources(this, this.connection.pubsub)
    return this.resources
  }

  #mustHaveJoined(call: string): void {
    if (this.state >= JOINED) return
    throw new UsageError(
      'PHX_ERR_NOT_JOINED',
      `${this.topic}: ${call}() cannot be called before the join is answered; ` +
        `call sendInfo() in join and ${call}() in handleInfo`,
    )
  }

  #mustHandleInfo(name: string): void {
    const { handleInfo } = this.definition
    if (handleInfo.has(name)) return
    const known = [...handleInfo.keys()].join(', ') || 'none'
    throw new UsageError(
      'PHX_ERR_DEFINITION',
      `${this.topic}: handleInfo has no handler "${name}". Handlers: ${known}`,
    )
  }
}

/** Name of the callback that handles an item; `item` is null for the join. */
export function callbackOf(item: Item | null): string {
  if (item === null) return 'join'
  if (item instanceof Message) return `handleIn.${wordsOf(item.event)}`
  return item instanceof Info ? `handleInfo.${item.name}` : `handleOut.${item.event}`
}
