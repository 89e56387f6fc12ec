// Compiled, never run: what the typed view allows and what it refuses.
import { Presence, Socket } from 'phoenix'
import { Type } from 'typebox'
import { presence, type TypedChannel, typed } from '../../client/typed.ts'
import { Binary, defineContract } from '../../protocol/index.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ since: Type.Number(), name: Type.Optional(Type.String()) }),
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.Number() }) },
    typing: { payload: Type.Object({}) },
    upload: { payload: Binary, reply: Binary },
  },
  outgoing: { new_msg: Type.Object({ body: Type.String() }), image: Binary },
  presence: Type.Object({ online_at: Type.Number() }),
})
const Bare = defineContract({ topic: 'bare' })
const Lenient = defineContract({
  topic: 'lenient',
  params: Type.Object({ since: Type.Optional(Type.Number()) }),
})

const socket = new Socket('/socket')
const channel = socket.channel('room:lobby')
const room = typed(Room, channel)

export async function allowed(): Promise<void> {
  const { history }: { history: string[] } = await room.join()
  const { id }: { id: number } = await room.push('new_msg', { body: history.join() })
  const none: undefined = await room.push('typing', {})
  const stop: () => void = room.onJoin((reply) => reply.history.join())
  stop()
  const bytes: ArrayBuffer = await room.push('upload', new ArrayBuffer(id))
  const off: () => void = room.on('new_msg', ({ body }) => body.toUpperCase())
  room.on('image', (image: ArrayBuffer) => image.byteLength + bytes.byteLength)
  room.on('presence_state', (state) => state['u1']?.metas[0]?.online_at.toFixed())
  room.on('presence_diff', ({ joins, leaves }) => [joins, leaves])
  // The channel keeps its own type.
  room.channel.onError(() => none)
  await room.leave()
  off()
  const empty: Record<never, never> = await typed(Bare, channel).join()
  const view: TypedChannel<typeof Room> = room
  Object.assign(empty, view)
}

export function made(): void {
  // The channel is of the socket's own class.
  typed(Room, socket, 'room:lobby', { since: 0 }).channel.onError(() => {})
  typed(Room, socket, 'room:lobby', () => ({ since: Date.now(), name: 'Ann' }))
  typed(Bare, socket, 'bare')
  typed(Bare, socket, 'bare', { anything: true })
  typed(Lenient, socket, 'lenient')
  typed(Lenient, socket, 'lenient', { since: 1 })
  // @ts-expect-error the contract has no such topic
  typed(Room, socket, 'office:1', { since: 0 })
  // @ts-expect-error the contract has one topic
  typed(Bare, socket, 'bare:1')
  // @ts-expect-error the params are required
  typed(Room, socket, 'room:lobby')
  // @ts-expect-error the params have a since
  typed(Room, socket, 'room:lobby', {})
  // @ts-expect-error since is a number
  typed(Room, socket, 'room:lobby', { since: 'now' })
  // @ts-expect-error since is a number, also of a function
  typed(Room, socket, 'room:lobby', () => ({ since: 'now' }))
  // @ts-expect-error the params have no such field
  typed(Room, socket, 'room:lobby', { since: 0, after: 1 })
}

export function present(): void {
  const people = presence(room, Presence)
  people.onSync(() => people.list().map(({ metas }) => metas[0]?.online_at.toFixed()))
  people.onJoin((key, current, joined) => [key.trim(), current?.metas.length, joined.metas[0]?.phx_ref])
  people.onLeave((key, current, left) => [key, current.metas.length, left.metas.length])
  const names: string[] = people.list((key, { metas }) => `${key} ${metas[0]?.online_at}`)
  const since: number | undefined = people.state['u1']?.metas[0]?.online_at
  void [names, since]
  // @ts-expect-error a meta has no such field
  void people.state['u1']?.metas[0]?.name
  // @ts-expect-error it is the Presence of phoenix.js
  presence(room, Socket)
}

export async function refused(): Promise<void> {
  // @ts-expect-error no such event comes in
  void room.push('nonsense', {})
  // @ts-expect-error the payload has a body
  await room.push('new_msg', {})
  // @ts-expect-error the body is a string
  await room.push('new_msg', { body: 1 })
  // @ts-expect-error phoenix.js sends only an ArrayBuffer as bytes
  await room.push('upload', new Uint8Array(1))
  // @ts-expect-error an event without a reply resolves with nothing
  ;(await room.push('typing', {})).body
  // @ts-expect-error the join reply has no such field
  room.onJoin(({ messages }) => messages)
  // @ts-expect-error the reply has no such field
  ;(await room.push('new_msg', { body: '' })).body
  // @ts-expect-error the join reply has no such field
  ;(await room.join()).messages
  // @ts-expect-error clients send it, they do not get it
  room.on('typing', () => {})
  // @ts-expect-error the payload has no such field
  room.on('new_msg', ({ id }) => id)
  // @ts-expect-error a contract without events has none to send
  void typed(Bare, channel).push('new_msg', {})
  // @ts-expect-error and none to wait for
  typed(Bare, channel).on('new_msg', () => {})
  // @ts-expect-error it has to be a channel
  typed(Room, new Socket('/socket'))
}
