import type { Client, MessageListener } from './client.ts'
import { Line } from './line.ts'
import { slotOf } from './slot.ts'
import type { Subscription } from './subscription.ts'
import type { Topology } from './topology.ts'

/** Hears what becomes of the subscriptions at one server. */
export interface HomeOwner {
  readonly received: MessageListener
  /** It is connected, and knows of no subscription yet. */
  connected(home: Home): void
  /** The connection, and all subscriptions with it, are lost; or another attempt has failed. */
  lost(home: Home, error: Error): void
  stood(group: readonly Subscription[]): void
  ended(group: readonly Subscription[]): void
  refused(home: Home, group: readonly Subscription[], error: Error): void
  /** A cluster has moved the channel's slot to another server. */
  moved(channel: string): void
}

/** More channels in one command, and Redis would answer nobody else for too long. */
const CHANNELS_PER_COMMAND = 10_000

/** The subscriptions at one server, over one connection. */
export class Home {
  readonly name: string
  readonly line: Line
  readonly subscriptions: Set<Subscription>
  /** Everything that was wanted when it connected is subscribed to. */
  isStanding: boolean
  /** Redis has refused some of that. */
  isRefused: boolean
  /** It has left somebody waiting for too long, and has not answered since. */
  isSilent: boolean
  readonly #owner: HomeOwner
  readonly #isSharded: boolean

  constructor(name: string, topology: Topology, owner: HomeOwner) {
    this.name = name
    this.subscriptions = new Set()
    this.isStanding = false
    this.isRefused = false
    this.isSilent = false
    this.#owner = owner
    this.#isSharded = topology.isSharded
    this.line = new Line({
      open: () => topology.subscriber(name),
      verify: (client) => topology.verify(client),
      up: (client) => this.#connected(client),
      down: (error) => owner.lost(this, error),
    })
    this.line.start()
  }

  /** Subscribe and unsubscribe; a promise settles when Redis has answered. */
  async change(subscribe: Subscription[], unsubscribe: Subscription[]): Promise<void> {
    const { client } = this.line
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
    client.on('sharded-channel-moved', (channel) => this.#owner.moved(channel))
    this.#owner.connected(this)
  }

  async #send(client: Client, what: 'subscribe' | 'unsubscribe', group: Subscription[]): Promise<void> {
    const channels = group.map(({ channel }) => channel)
    const method = this.#isSharded ? SHARDED[what] : what
    try {
      await client[method](channels, this.#owner.received, true)
    } catch (error) {
      if (this.line.client === client) this.#owner.refused(this, group, asError(error))
      return
    }
    // What has been lost meanwhile begins anew.
    if (this.line.client !== client) return
    this.isSilent = false
    if (what === 'subscribe') this.#owner.stood(group)
    else this.#owner.ended(group)
  }

  /** What may go into one command: in a cluster, what shares a slot. */
  *#groups(subscriptions: Subscription[]): Iterable<Subscription[]> {
    if (this.#isSharded) {
      const bySlot = new Map<number, Subscription[]>()
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
