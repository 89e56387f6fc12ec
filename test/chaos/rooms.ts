import { type ChannelDefinition, defineChannel, definePresence, type Endpoint } from '../../server/index.ts'
import { ChaosRoom } from './room.ts'

/** Errors that a faulty node makes, by the number of the message. They prove that a run can fail. */
const errors = new Map([
  [10, 'drop'],
  [20, 'double'],
  [30, 'delay'],
  [40, 'leak'],
])
/** Number of leaked timers: more than the normal variation at rest. */
const LEAKED = 5
/**
 * Delay in milliseconds: longer than the interval between two bursts of a client, so that later messages arrive first.
 */
const DELAY_MS = 1_000

/** Presences in the rooms. */
export const ChaosPresence = definePresence(ChaosRoom)

/** Rooms of a node. */
export class Rooms {
  /** Clients that have joined here: `id/stay`, by the channel's id. */
  readonly stays = new Map<string, string>()
  readonly channel: ChannelDefinition<unknown>
  readonly #endpoint: () => Endpoint
  /** Number of messages since the node started to make errors; null if it makes none. */
  #errsSince: number | null = null

  constructor(endpoint: () => Endpoint) {
    this.#endpoint = endpoint
    this.channel = this.#define()
  }

  /** Make some errors from now on. */
  err(): void {
    this.#errsSince = 0
  }

  #define(): ChannelDefinition<unknown> {
    return defineChannel(ChaosRoom, {
      assigns: () => ({ id: '', stay: 0 }),
      join: (params, socket) => {
        Object.assign(socket.assigns, params)
        this.stays.set(socket.id, `${params.id}/${params.stay}`)
        socket.sendInfo('after_join')
        return { ok: {} }
      },
      handleIn: {
        // Reply `ok` only if the history has kept the message, because this reply confirms the message to the client.
        say: async ({ n }, { topic, assigns: { id, stay } }) => {
          const isKept = await this.#publish(topic, { by: id, from: stay, n })
          return isKept ? { ok: {} } : { error: { reason: 'not kept' } }
        },
      },
      handleInfo: {
        after_join: (_value, socket) => {
          const { id, stay } = socket.assigns
          ChaosPresence.track(socket, id, { stay })
          ChaosPresence.pushState(socket)
        },
      },
      terminate: (_reason, socket) => void this.stays.delete(socket.id),
    })
  }

  async #publish(topic: string, said: { by: string; from: number; n: number }): Promise<boolean> {
    const send = () => this.#endpoint().publish(ChaosRoom, topic, 'said', said)
    if (this.#errsSince === null) return send()
    this.#errsSince += 1
    const error = errors.get(this.#errsSince)
    for (let n = 0; error === 'leak' && n < LEAKED; n += 1) setInterval(() => this.stays.size, DELAY_MS)
    if (error === 'double') await send()
    if (error === 'delay') setTimeout(() => void send(), DELAY_MS)
    else if (error !== 'drop') await send()
    return true
  }
}
