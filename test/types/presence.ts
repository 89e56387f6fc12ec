// Compiled, never run: what a presence definition allows on the server, and what its client sees.
import { Socket } from 'phoenix'
import { Type } from 'typebox'
import { typed } from '../../client/typed.ts'
import { defineContract } from '../../protocol/index.ts'
import { type ChannelSocket, definePresence, type Endpoint, type Worker } from '../../server/index.ts'

const Room = defineContract({
  topic: 'room:*',
  outgoing: { new_msg: Type.Object({ body: Type.String() }) },
  presence: Type.Object({ nick: Type.String() }),
})
const Bare = defineContract({ topic: 'bare' })

const plain = definePresence(Room)
const fetched = definePresence(Room, {
  fetch: (_topic, presences) =>
    Object.fromEntries(
      Object.entries(presences).map(([key, { metas }]) => [key, { metas, age: metas.length }]),
    ),
})
const awaited = definePresence(Room, { windowMs: 1_000, fetch: async () => ({ u1: { age: 7 } }) })

declare const socket: ChannelSocket<typeof Room>
declare const bare: ChannelSocket<typeof Bare>
declare const endpoint: Endpoint
declare const worker: Worker

export const heard = definePresence(Room, {
  name: 'heard',
  handleMetas(topic, { joins, leaves }, context) {
    const nick: string | undefined = joins['u1']?.metas[0]?.nick ?? leaves['u1']?.metas[0]?.phx_ref
    const all: number = Object.keys(context.list()).length
    context.endpoint.localBroadcast(topic, 'told', { nick, all })
  },
})

export async function allowed(): Promise<void> {
  const tracked: { ok: string } | { error: 'already_tracked' } = plain.track(socket, 'u1', { nick: 'Ann' })
  const updated: { ok: string } | { error: 'nopresence' } = plain.update(socket, 7, { nick: 'Ann' })
  plain.update(socket, 'u1', (current) => ({ nick: current.nick + current.phx_ref }))
  plain.untrack(socket, 'u1')
  const owner = endpoint.ownerOf(worker)
  plain.track(owner, 'room:b', 'bot', { nick: 'Bot' })
  plain.track(socket, 'room:b', 7, { nick: 'Ann' })
  plain.update(owner, 'room:b', 'bot', ({ nick }) => ({ nick: `${nick}!` }))
  plain.untrack(owner, 'room:b', 'bot')
  // @ts-expect-error a worker has no topic of its own
  plain.track(owner, 'bot', { nick: 'Bot' })
  // @ts-expect-error the nick is a string
  plain.track(owner, 'room:b', 'bot', { nick: 7 })
  // @ts-expect-error a worker has no client
  plain.pushState(owner)
  plain.pushState(socket)
  socket.push('presence_state', plain.list(socket))
  socket.push('presence_state', fetched.list(socket))
  socket.push('presence_state', await awaited.list(socket))
  const nick: string | undefined = plain.list(socket)['u1']?.metas[0]?.nick
  const age: number | undefined = fetched.getByKey(socket, 'u1')?.age
  const promised: number | undefined = (await awaited.getByKey(socket, 'u1'))?.age
  const everywhere: number | undefined = (await fetched.list(endpoint, 'room:a'))['u1']?.age
  const one: string | undefined = (await plain.getByKey(endpoint, 'room:a', 'u1'))?.metas[0]?.phx_ref
  // A channel of any contract is seen through what presence needs of it.
  plain.untrack(bare, 'u1')
  void [tracked, updated, nick, age, promised, everywhere, one]

  const room = typed(Room, new Socket('/socket').channel('room:lobby'))
  room.on('presence_state', (state) => state['u1']?.metas[0]?.nick.trim())
  room.on('presence_diff', ({ joins, leaves }) => [joins['u1']?.metas, leaves['u1']?.metas[0]?.phx_ref_prev])
  room.on('presence_count', ({ count }) => count.toFixed())
}

export function refused(): void {
  // @ts-expect-error the contract has no presence
  definePresence(Bare)
  // @ts-expect-error an option that does not exist
  definePresence(Room, { window: 1_000 })
  // @ts-expect-error fetch returns an object of objects
  definePresence(Room, { fetch: () => ({ u1: 'Ann' }) })
  // @ts-expect-error the meta has a nick
  plain.track(socket, 'u1', {})
  // @ts-expect-error the nick is a string
  plain.update(socket, 'u1', () => ({ nick: 7 }))
  // @ts-expect-error a meta has no such field
  plain.list(socket)['u1']?.metas[0]?.age
  // @ts-expect-error fetch adds no such field
  fetched.list(socket)['u1']?.nick
  // @ts-expect-error with an asynchronous fetch a list is promised
  awaited.list(socket)['u1']
  // @ts-expect-error what the cluster knows is promised
  plain.list(endpoint, 'room:a')['u1']
  // @ts-expect-error an endpoint has many topics
  void plain.list(endpoint)
  // @ts-expect-error the contract has no presence, so no such event goes out
  bare.push('presence_state', {})
}
