import { type Channel, Presence, Socket } from 'phoenix'
import { WebSocket } from 'ws'
import { until } from '../helpers/until.ts'

const PATIENCE = { timeout: 10_000 }
const soon = (): number => 10

/** Actions of a guest. Each is done when the client has received its effect. */
export const deeds = ['enter', 'exit', 'rename', 'crash', 'drop', 'replace', 'hurry', 'quit'] as const
export type Deed = (typeof deeds)[number]

/** Presences as one side sees them: `key: [meta, …]`, in an order of their own. */
export type View = { [key: string]: unknown[] }

type Stay = { readonly channel: Channel; readonly presence: Presence }

/** An official client that may be in the room under one key, and watches who is there. */
export class Guest {
  readonly key: string | number
  /** Joins (`+key`) and leaves (`-key`) as the official class reports them. */
  readonly news: string[] = []
  readonly #socket: Socket
  #stay: Stay | null = null

  constructor(base: string, key: string | number) {
    this.key = key
    const transport = WebSocket as unknown as typeof globalThis.WebSocket
    const options = { transport, reconnectAfterMs: soon, rejoinAfterMs: soon }
    this.#socket = new Socket(`${base.replace('http', 'ws')}/socket`, options)
  }

  get isInside(): boolean {
    return this.#stay !== null
  }

  /** Presences as the official class knows them. */
  get view(): View {
    return viewOf(this.#stay?.presence.list((key, { metas }) => [key, metas]) ?? [])
  }

  async do(deed: Deed): Promise<void> {
    if (deed === 'enter' || deed === 'replace') return this.enter()
    if (deed === 'quit') return this.quit()
    const stay = this.#stay
    if (stay === null) return
    const { channel } = stay
    if (deed === 'rename') return this.rename('renamed')
    if (deed === 'crash') return comesBack(stay, () => channel.push('crash', {}))
    if (deed === 'drop') return comesBack(stay, () => Reflect.get(this.#socket, 'conn').terminate())
    const left = channel.leave()
    // In a hurry it does not wait for the answer.
    if (deed === 'hurry') return this.enter()
    this.#stay = null
    await new Promise((resolve) => left.receive('ok', resolve))
  }

  /** Join, in place of the present stay if there is one. */
  async enter(): Promise<void> {
    if (!this.#socket.isConnected()) this.#socket.connect()
    const channel = this.#socket.channel('room:a', { key: this.key })
    // Not before the join's reply: it would take diffs that are meant for the stay before this one.
    const joined = new Promise<Stay>((resolve) => {
      channel.join().receive('ok', () => resolve({ channel, presence: this.#watch(channel) }))
    })
    this.#stay = await joined
    await isSynced(this.#stay)
  }

  #watch(channel: Channel): Presence {
    const presence = new Presence(channel)
    // Another meta of who is there is no news, nor is one of several that goes.
    presence.onJoin((key, current) => void (current === undefined && this.news.push(`+${key}`)))
    presence.onLeave((key, current) => void (current.metas.length === 0 && this.news.push(`-${key}`)))
    return presence
  }

  async rename(name: string): Promise<void> {
    const push = this.#stay?.channel.push('rename', { name })
    await new Promise((resolve) => push?.receive('ok', resolve))
  }

  /** Close the connection, without leaving first. */
  async quit(): Promise<void> {
    const stay = this.#stay
    this.#stay = null
    await new Promise<void>((resolve) => this.#socket.disconnect(resolve))
    // The server does not hear of it: it is for the client not to join again by itself.
    stay?.channel.leave()
  }
}

async function comesBack(stay: Stay, hurt: () => void): Promise<void> {
  const hurts = new Promise((resolve) => stay.channel.onError(resolve))
  hurt()
  await hurts
  await isSynced(stay)
}

/**
 * The state for the present join has come. Before it the official class keeps diffs, and a crash does not
 * make it drop them: it would lay them over the next state, of which they know nothing.
 */
async function isSynced({ channel, presence }: Stay): Promise<void> {
  await until(() => channel.state === 'joined' && !presence.inPendingSyncState(), PATIENCE)
}

/** Lists do not say in which order metas are. */
export function viewOf(entries: Iterable<[key: string, metas: object[]]>): View {
  const view: View = Object.create(null)
  for (const [key, metas] of entries) view[key] = metas.map((meta) => JSON.stringify(meta)).sort()
  return view
}
