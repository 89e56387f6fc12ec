import { Type } from 'typebox'
import { defineContract } from '../../protocol/index.ts'
import type { ChannelSocket } from '../../server/channel/channel-socket.ts'
import { defineChannel } from '../../server/channel/define-channel.ts'
import { definePresence, type PresenceOptions } from '../../server/presence/define-presence.ts'
import { defineSocket } from '../../server/socket/define-socket.ts'
import { type Client, TestEndpoint } from './build-endpoint.ts'

export const Room = defineContract({
  topic: 'room:*',
  incoming: { boom: { payload: Type.Unknown() }, stop: { payload: Type.Unknown() } },
  presence: Type.Object({ name: Type.String() }),
})

type Fields = { [key: string]: object }
type Handle = ChannelSocket<typeof Room>
/** Event and payload of each received frame. */
type Received = [event: string, payload: unknown][]

/** One client that has joined a room, and its channel for the test to use. */
export type Member = { client: Client; socket: Handle; received: () => Received }

/** An endpoint whose rooms can be joined and left, and one presence of theirs. */
export class PresenceRoom<R extends Fields | Promise<Fields> = Record<string, Record<never, never>>> {
  readonly endpoint = new TestEndpoint()
  readonly presence
  readonly #handles: Handle[] = []

  constructor(options: PresenceOptions<typeof Room, R> = {}) {
    this.presence = definePresence(Room, options)
  }

  /** Connect a client and join; what the join was answered is taken already. */
  async join(topic = 'room:a'): Promise<Member> {
    const handles = this.#handles
    const channel = defineChannel(Room, {
      join(_params, socket) {
        handles.push(socket)
        return { ok: {} }
      },
      handleIn: {
        boom() {
          throw new Error('boom')
        },
        stop: () => ({ stop: 'normal' }),
      },
    })
    const client = await this.endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
    client.ask(`["1","1","${topic}","phx_join",{}]`)
    const socket = handles.at(-1)
    if (socket === undefined) throw new Error(`nobody could join ${topic}`)
    const received = (): Received => client.take().map((frame) => JSON.parse(String(frame)).slice(3))
    return { client, socket, received }
  }
}
