// Compiled, never run: what the typed view allows and what it refuses.
import { Socket } from 'phoenix'
import { Type } from 'typebox'
import { type TypedChannel, typed } from '../../client/typed.ts'
import { Binary, defineContract } from '../../protocol/index.ts'

const Room = defineContract({
  topic: 'room:*',
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

const channel = new Socket('/socket').channel('room:lobby')
const room = typed(Room, channel)

export async function allowed(): Promise<void> {
  const { history }: { history: string[] } = await room.join()
  const { id }: { id: number } = await room.push('new_msg', { body: history.join() })
  const none: undefined = room.push('typing', {})
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

export async function refused(): Promise<void> {
  // @ts-expect-error no such event comes in
  room.push('nonsense', {})
  // @ts-expect-error the payload has a body
  await room.push('new_msg', {})
  // @ts-expect-error the body is a string
  await room.push('new_msg', { body: 1 })
  // @ts-expect-error phoenix.js sends only an ArrayBuffer as bytes
  await room.push('upload', new Uint8Array(1))
  // @ts-expect-error an event without a reply promises nothing
  room.push('typing', {}).then()
  // @ts-expect-error the reply has no such field
  ;(await room.push('new_msg', { body: '' })).body
  // @ts-expect-error the join reply has no such field
  ;(await room.join()).messages
  // @ts-expect-error clients send it, they do not get it
  room.on('typing', () => {})
  // @ts-expect-error the payload has no such field
  room.on('new_msg', ({ id }) => id)
  // @ts-expect-error a contract without events has none to send
  typed(Bare, channel).push('new_msg', {})
  // @ts-expect-error and none to wait for
  typed(Bare, channel).on('new_msg', () => {})
  // @ts-expect-error it has to be a channel
  typed(Room, new Socket('/socket'))
}
