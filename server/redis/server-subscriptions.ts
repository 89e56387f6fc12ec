import { setTimeout as delay } from 'node:timers/promises'
import { EngineError } from '../errors.ts'
import type { ChannelSubscription } from './channel-subscription.ts'
import type { Client, MessageListener } from './client.ts'
import { ReconnectingClient } from './reconnecting-client.ts'
import { slotOf } from './slot.ts'
import type { Topology } from './topology.ts'

/** Callbacks for the events of a `ServerSubscriptions` object. */
export interface ServerListener {
  readonly received: MessageListener
  /** Called when the connection to the server is up, before any channel is subscribed to. */
  connected(server: ServerSubscriptions): void
  /** Called when the connection with all its subscriptions is lost, or an attempt to connect has failed. */
  lost(server: ServerSubscriptions, error: Error): void
  subscribed(server: ServerSubscriptions, group: readonly ChannelSubscription[]): void
  unsubscribed(server: ServerSubscriptions, group: readonly ChannelSubscription[]): void
  refused(server: ServerSubscriptions, group: readonly ChannelSubscription[], error: Error): void
  /** Called when the server has ended the subscription to a channel, because the channel's slot has moved. */
  moved(server: ServerSubscriptions, channel: string): void
}

/** Maximum number of channels in one command. A longer command would block Redis for other clients. */
const CHANNELS_PER_COMMAND = 10_000
/**
 * Maximum number of attempts to compare the subscriptions with Redis (`#audit`). An attempt succeeds only if no command
 * waits for its reply.
 */
const AUDIT_TRIES = 20
const AUDIT_PAUSE_MS = 100

/** This node's subscriptions at one Redis server, over one connection. */
export class ServerSubscriptions {
  readonly name: string
  readonly connection: ReconnectingClient
  readonly subscriptions: Set<ChannelSubscription>
  /** True if Redis has confirmed all subscriptions that were sent right after connecting. */
  isSubscribed: boolean
  /** True if Redis refused the subscription to some of the wanted channels. */
  isRefused: boolean
  /** True if a subscription timed out and the server has not replied since then. */
  isSilent: boolean
  readonly #owner: ServerListener
  readonly #isSharded: boolean
  /** Number of subscribe and unsubscribe commands sent so far. */
  #sent: number
  /** Number of sent commands that Redis has not answered yet. */
  #unanswered: number

  constructor(name: string, topology: Topology, owner: ServerListener) {
    this.name = name
    this.subscriptions = new Set()
    this.isSubscribed = false
    this.isRefused = false
    this.isSilent = false
    this.#owner = owner
    this.#isSharded = topology.isSharded
    this.#sent = 0
    this.#unanswered = 0
    this.connection = new ReconnectingClient({
      open: () => topology.subscriber(name),
      verify: async (client) => {
        await topology.verify(client)
        if (topology.isSharded) await this.#audit(client)
      },
      up: (client) => this.#connected(client),
      down: (error) => owner.lost(this, error),
    })
    this.connection.start()
  }

  /** Subscribe to some channels, and unsubscribe from others. Resolves when Redis has replied to all commands. */
  async change(subscribe: ChannelSubscription[], unsubscribe: ChannelSubscription[]): Promise<void> {
    const { client } = this.connection
    if (client === null) return
    const answers: Promise<void>[] = []
    for (const group of this.#groups(subscribe)) {
      for (const subscription of group) subscription.state = 'subscribing'
      answers.push(this.#send(client, 'subscribe', group))
    }
    for (const group of this.#groups(unsubscribe)) {
      for (const subscription of group) subscription.state = 'unsubscribing'
      answers.push(this.#send(client, 'unsubscribe', group))
    }
    await Promise.all(answers)
  }

  #connected(client: Client): void {
    this.isSilent = false
    client.on('sharded-channel-moved', (channel) => this.#owner.moved(this, channel))
    this.#owner.connected(this)
  }

  /**
   * Compare the number of subscriptions in state `live` with the number that Redis reports for this connection. Rejects
   * if Redis reports fewer. Redis ends subscriptions when a slot moves, and the package `redis` does not always report
   * this.
   */
  async #audit(client: Client): Promise<void> {
    for (let tries = 0; tries < AUDIT_TRIES && this.connection.client === client; tries++) {
      const sent = this.#sent
      if (this.#unanswered === 0) {
        const counted = / ssub=(\d+)/.exec(String(await client.sendCommand(['CLIENT', 'INFO'])))?.[1]
        // Redis before 7.0.3 does not report the number `counted`.
        if (counted === undefined) return
        // The number `counted` is valid only if this node sent no (un)subscribe command in the meantime.
        if (this.#sent === sent && this.connection.client === client) return this.#compare(Number(counted))
      }
      await delay(AUDIT_PAUSE_MS, undefined, { ref: false })
    }
  }

  #compare(counted: number): void {
    let live = 0
    for (const { state } of this.subscriptions) if (state === 'live') live += 1
    if (live > counted) throw new EngineError(`Redis has ended ${live - counted} subscriptions of this node`)
  }

  async #send(
    client: Client,
    what: 'subscribe' | 'unsubscribe',
    group: ChannelSubscription[],
  ): Promise<void> {
    const channels = group.map(({ channel }) => channel)
    const method = this.#isSharded ? SHARDED[what] : what
    this.#sent += 1
    this.#unanswered += 1
    try {
      await client[method](channels, this.#owner.received, true)
    } catch (error) {
      if (this.connection.client === client) this.#owner.refused(this, group, asError(error))
      return
    } finally {
      this.#unanswered -= 1
    }
    // Ignore the reply if the connection was replaced, because the subscriptions are sent again on the new connection.
    if (this.connection.client !== client) return
    this.isSilent = false
    if (what === 'subscribe') this.#owner.subscribed(this, group)
    else this.#owner.unsubscribed(this, group)
  }

  /** Split subscriptions into groups for one command each. In a cluster, the channels of a group have the same slot. */
  *#groups(subscriptions: ChannelSubscription[]): Iterable<ChannelSubscription[]> {
    if (this.#isSharded) {
      const bySlot = new Map<number, ChannelSubscription[]>()
      for (const subscription of subscriptions) {
        const slot = slotOf(subscription.channel)
        const group = bySlot.get(slot)
        if (group === undefined) bySlot.set(slot, [subscription])
        else group.push(subscription)
      }
      return yield* bySlot.values()
    }
    for (let start = 0; start < subscriptions.length; start += CHANNELS_PER_COMMAND) {
      yield subscriptions.slice(start, start + CHANNELS_PER_COMMAND)
    }
  }
}

const SHARDED = { subscribe: 'sSubscribe', unsubscribe: 'sUnsubscribe' } as const

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
