import { Type } from 'typebox'
import { defineContract } from '../../protocol/index.ts'
import { defineChannel } from '../../server/channel/define-channel.ts'
import { defineSocket } from '../../server/socket/define-socket.ts'
import { type Client, TestEndpoint } from './build-endpoint.ts'

const Anything = Type.Unsafe<object>({})

/** Keeps `msg`, `odd` and `out`; not `blink`. */
export const KeptRoom = defineContract({
  topic: 'log:*',
  params: Type.Object({ name: Type.Optional(Type.String()) }, { additionalProperties: false }),
  reply: Type.Object({ hello: Type.Boolean() }),
  incoming: { say: { payload: Anything }, say_from: { payload: Anything } },
  outgoing: { msg: Anything, odd: Anything, out: Anything, poison: Anything, blink: Anything },
  history: { events: ['msg', 'odd', 'out', 'poison'], size: 10, maxBytes: 1_000, ttlMs: 60_000 },
})

const KeptChannel = defineChannel(KeptRoom, {
  join: () => ({ ok: { hello: true } }),
  handleIn: {
    say: (payload, socket) => socket.broadcast('msg', payload),
    say_from: (payload, socket) => socket.broadcastFrom('msg', payload),
  },
})

/** A socket with rooms that have a history. */
export const KeptSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(KeptChannel)

/** An endpoint until the end of the test, with the history of KeptRoom. */
export function keptEndpoint(limits: Partial<TestEndpoint['limits']> = {}): TestEndpoint {
  return new TestEndpoint({ histories: [KeptRoom], limits })
}

export type RecoveryReply = { epoch: string; seq: number; head: number; id: string; recovered: boolean }
type Cursor = { epoch: string; seq: number; id?: string } | null

/** A client that has joined `log:a` and asked for recovery: its `_recovery`, and the frames behind the reply. */
export async function rejoin(
  endpoint: TestEndpoint,
  since: Cursor,
  { last, socket = KeptSocket }: { last?: number; socket?: typeof KeptSocket } = {},
): Promise<{ client: Client; recovery: RecoveryReply; frames: string[] }> {
  const client = await endpoint.connect(socket)
  const params = { _since: since, ...(last === undefined ? {} : { _last: last }) }
  client.send(JSON.stringify(['1', '1', 'log:a', 'phx_join', params]))
  const [reply = '', ...frames] = await settled(client)
  const { response } = JSON.parse(reply)[4]
  return { client, recovery: response?._recovery, frames }
}

/** All frames that come within some turns of the event loop, in which nothing new is sent. */
export async function settled(client: Client): Promise<string[]> {
  const frames: string[] = []
  for (let quiet = 0; quiet < 3; quiet++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    const came = client.take().map(String)
    if (came.length > 0) quiet = -1
    frames.push(...came)
  }
  return frames
}
