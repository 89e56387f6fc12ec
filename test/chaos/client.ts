import { type Channel, LongPoll, Presence, Socket } from 'phoenix'
import { WebSocket } from 'ws'
import { recoverable } from '../../client/typed.ts'
import type { ClientRecord, Gap, Heard, Said, Stay, View } from './records.ts'
import { lineOf } from './room.ts'

/** Identity of a client, and the address to which it connects. */
export type ClientPlan = Pick<ClientRecord, 'id' | 'room' | 'via'> & { readonly base: string }

/** Entry of the official `Presence`. */
type Metas = { readonly metas: readonly { readonly stay: number; readonly phx_ref: string }[] }

/** Official client that asks for recovery, and records all messages that it sends and receives. */
export class Client {
  readonly plan: ClientPlan
  readonly #socket: Socket
  readonly #channel: Channel
  readonly #presence: Presence
  readonly #stays: Stay[] = []
  readonly #said: Said[] = []
  readonly #heard: Heard[] = []
  readonly #gaps: Gap[] = []
  #attempts = 0

  constructor(plan: ClientPlan) {
    this.plan = plan
    const webSocket = WebSocket as unknown as typeof globalThis.WebSocket
    const transport = plan.via === 'longpoll' ? LongPoll : webSocket
    this.#socket = new Socket(`${plan.base.replace('http', 'ws')}/socket`, { transport })
    // Number the attempts to join, so that the server can distinguish the client's stays.
    const params = () => ({ id: plan.id, stay: ++this.#attempts })
    const onGap = () => void this.#gaps.push({ at: Date.now(), after: this.#heard.length })
    this.#channel = recoverable(this.#socket, plan.room, params, { onGap })
    this.#presence = new Presence(this.#channel)
    this.#channel.on('said', ({ by, from, n }) => this.#hear(by, from, n))
    this.#channel.onError(() => this.#left())
    this.#channel.onClose(() => this.#left())
  }

  /** Number of the current stay; null if the client is not joined. */
  get stay(): number | null {
    const stay = this.#stays.at(-1)
    return stay === undefined || stay.leftAt !== null ? null : stay.number
  }

  join(): void {
    this.#socket.connect()
    // This handler runs again after each rejoin.
    this.#channel
      .join()
      .receive('ok', () => this.#stays.push({ number: this.#attempts, joinedAt: Date.now(), leftAt: null }))
  }

  /** Send a message if the client is joined. */
  say(): void {
    const { stay } = this
    if (stay === null) return
    const said: Said = { n: this.#said.length + 1, stay, sentAt: Date.now(), confirmedAt: null }
    this.#said.push(said)
    this.#channel.push('say', { n: said.n }).receive('ok', () => {
      said.confirmedAt = Date.now()
    })
  }

  leave(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => this.#socket.disconnect(resolve)
      this.#channel.leave().receive('ok', end).receive('timeout', end)
    })
  }

  /** Presences as this client sees them. */
  get view(): View {
    const lines = this.#presence.list((id: string, { metas }: Metas) => metas.map((meta) => lineOf(id, meta)))
    return lines.flat().sort()
  }

  get record(): ClientRecord {
    const { id, room, via } = this.plan
    return { id, room, via, stays: this.#stays, said: this.#said, heard: this.#heard, gaps: this.#gaps }
  }

  #hear(by: string, from: number, n: number): void {
    this.#heard.push({ by, from, n, at: Date.now(), during: this.stay ?? 0 })
  }

  #left(): void {
    const stay = this.#stays.at(-1)
    if (stay?.leftAt === null) stay.leftAt = Date.now()
  }
}
