import { Presence } from 'phoenix'
import { Type } from 'typebox'
import { defineContract } from '../../protocol/index.ts'
import { defineChannel } from '../../server/channel/define-channel.ts'
import { definePresence } from '../../server/presence/define-presence.ts'
import type { Tracked } from '../../server/presence/tracked.ts'
import { RedisEngine, type RedisEngineOptions } from '../../server/redis/index.ts'
import { type AnySocket, defineSocket } from '../../server/socket/define-socket.ts'
import { type Client, TestEndpoint } from './build-endpoint.ts'
import { until } from './until.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ key: Type.String() }),
  incoming: { rename: { payload: Type.String() } },
  presence: Type.Object({ name: Type.String() }),
})

type Metas = { phx_ref: string; [field: string]: unknown }[]
type Diff = { joins: Entries; leaves: Entries }
type Entries = { [key: string]: { metas: Metas } }

/** Presences: the names and references under each key, sorted. */
export type View = { [key: string]: string[] }

/** A node whose rooms can be joined; everybody who joins is tracked and shown the state. */
export class PresenceNode {
  readonly endpoint: TestEndpoint
  readonly presence
  readonly #socket: AnySocket

  constructor(options: RedisEngineOptions, windowMs = 0) {
    const presence = definePresence(Room, { windowMs })
    this.presence = presence
    this.endpoint = new TestEndpoint({ engine: new RedisEngine(options), presences: [presence] })
    const channel = defineChannel(Room, {
      assigns: () => ({ key: '' }),
      join({ key }, socket) {
        socket.assigns.key = key
        socket.sendInfo('after_join')
        return { ok: {} }
      },
      handleIn: {
        rename(name, socket) {
          presence.update(socket, socket.assigns.key, { name })
        },
      },
      handleInfo: {
        after_join(_value, socket) {
          presence.track(socket, socket.assigns.key, { name: 'new' })
          presence.pushState(socket)
        },
      },
    })
    this.#socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  }

  /** A node that has reached Redis. */
  static async start(options: RedisEngineOptions, windowMs = 0): Promise<PresenceNode> {
    const node = new PresenceNode(options, windowMs)
    await node.endpoint.start()
    await until(() => node.endpoint.engine.state === 'up')
    return node
  }

  /** Join a room, when the client has been shown the state. */
  async join(key: string, topic = 'room:a'): Promise<Member> {
    const member = new Member(await this.endpoint.connect(this.#socket), topic)
    member.send('phx_join', { key })
    await until(() => member.isSynced)
    return member
  }

  /** Presences of the room, as the node sees them. */
  view(topic = 'room:a'): View {
    return viewOf(this.presence.list(this.channel(topic)))
  }

  /** A channel without a client. */
  channel(topic = 'room:a'): Tracked {
    const { trackers } = this.endpoint
    return { topic, trackers, isJoining: false, push() {}, onEnd() {} }
  }

  async list(topic = 'room:a'): Promise<View> {
    return viewOf(await this.presence.list(this.endpoint, topic))
  }
}

/** A client in a room, and what it has been told of it. */
export class Member {
  readonly #client: Client
  readonly #topic: string
  /** Joins (`+ann`) and leaves (`-ann`) of each diff. */
  #news: string[] = []
  #entries: Entries | null = null
  #early: Diff[] = []

  constructor(client: Client, topic: string) {
    this.#client = client
    this.#topic = topic
  }

  send(event: string, payload: unknown): void {
    this.#client.send(JSON.stringify(['1', '1', this.#topic, event, payload]))
  }

  rename(name: string): void {
    this.send('rename', name)
  }

  leave(): void {
    this.send('phx_leave', {})
  }

  get isSynced(): boolean {
    return this.#read() !== null
  }

  /** Presences as the official client's `Presence` counts them. */
  get view(): View {
    return viewOf(this.#read() ?? {})
  }

  /** Joins and leaves in the diffs since the last call. */
  news(): string[] {
    this.#read()
    const news = this.#news
    this.#news = []
    return news
  }

  #read(): Entries | null {
    for (const frame of this.#client.take()) {
      const [, , , event, payload] = JSON.parse(String(frame))
      if (event === 'presence_state') this.#begin(payload)
      else if (event === 'presence_diff') this.#follow(payload)
    }
    return this.#entries
  }

  #begin(state: Entries): void {
    this.#entries = Presence.syncState(this.#entries ?? {}, state)
    for (const diff of this.#early.splice(0)) this.#entries = Presence.syncDiff(this.#entries ?? {}, diff)
  }

  #follow(diff: Diff): void {
    this.#news.push(...Object.keys(diff.joins).map((key) => `+${key}`))
    this.#news.push(...Object.keys(diff.leaves).map((key) => `-${key}`))
    if (this.#entries === null) this.#early.push(diff)
    else this.#entries = Presence.syncDiff(this.#entries, diff)
  }
}

function viewOf(entries: Entries): View {
  const names = ({ metas }: { metas: Metas }) => metas.map((meta) => JSON.stringify(meta)).sort()
  return Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, names(entry)]))
}
