// Compile-only: what the types of channels allow and forbid, checked by `npx tsc`.
import { Type } from 'typebox'
import {
  Binary,
  type ChannelSocket,
  defineChannel,
  defineContract,
  defineUntypedChannel,
  type SocketRef,
  shutdown,
} from '../../server/index.ts'

const Message = Type.Object({ id: Type.String(), body: Type.String() })
const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ since: Type.Optional(Type.String()) }),
  reply: Type.Object({ history: Type.Array(Message) }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.String() }) },
    typing: { payload: Type.Object({}) },
    upload: { payload: Binary, reply: Binary },
  },
  outgoing: { new_msg: Message, typing: Type.Object({ userId: Type.String() }), file: Binary },
})
type Room = typeof Room

type UserAssigns = { userId: string; muted: boolean }
const join = () => ({ ok: { history: [] } })
const handleIn = { new_msg() {}, typing() {}, upload() {} }

// Everything that is right.
export const RoomChannel = defineChannel(Room, {
  assigns: (user: UserAssigns) => ({ userId: user.userId, sent: 0 }),
  async join(params, socket) {
    const since: string | undefined = params.since
    if (since === undefined) return { error: { reason: 'no since' } }
    socket.assigns.sent += 1
    socket.sendInfo('after_join', { at: 1 })
    return { ok: { history: [{ id: 'm1', body: 'hi' }] } }
  },
  handleIn: {
    async new_msg(payload, socket) {
      if (payload.body === '') return { error: { reason: 'empty' } }
      if (payload.body === 'later') return { status: 'retry', payload: { after: 1 } }
      if (payload.body === 'bye') return { stop: shutdown('bye'), reply: { ok: { id: 'm2' } } }
      socket.broadcast('new_msg', { id: 'm2', body: payload.body })
      return { ok: { id: 'm2' } }
    },
    typing(_payload, socket) {
      socket.broadcastFrom('typing', { userId: socket.assigns.userId })
      const ref = socket.ref()
      socket.reply(ref, { error: {} })
    },
    upload: (bytes) => ({ ok: new Uint8Array(bytes.length) }),
  },
  handleOut: {
    new_msg(message, socket) {
      if (message.body !== '') socket.push('new_msg', message)
    },
    file: (bytes, socket) => socket.push('file', bytes),
  },
  handleInfo: {
    after_join: (value: { at: number }, socket) => socket.push('typing', { userId: String(value.at) }),
    broadcast: ({ topic }) => (topic === 'bye' ? { stop: 'normal' } : undefined),
  },
  async terminate(reason, socket) {
    const left = typeof reason === 'object' && 'shutdown' in reason
    socket.assigns.sent = left ? 0 : 1
  },
})

// A reply later: the reference carries its event's type.
let late: SocketRef<{ id: string }> | undefined
defineChannel(Room, {
  join,
  handleIn: {
    ...handleIn,
    new_msg(_payload, socket) {
      late = socket.ref()
      socket.reply(late, { ok: { id: 'm1' } })
      // @ts-expect-error the reply has an id
      socket.reply(late, { ok: {} })
    },
  },
})

// Wrong from the client's side.
defineChannel(Room, {
  join,
  // @ts-expect-error a handler is forgotten
  handleIn: { new_msg() {}, typing() {} },
})
// @ts-expect-error all handlers are forgotten
defineChannel(Room, { join })
defineChannel(Room, {
  join,
  // @ts-expect-error no such event comes in
  handleIn: { ...handleIn, quit() {} },
})
defineChannel(Room, {
  join,
  handleIn: {
    ...handleIn,
    new_msg(payload) {
      // @ts-expect-error the payload has no title
      void payload.title
      const id = 'm1'
      return { ok: { id } }
    },
  },
})

// Wrong replies.
defineChannel(Room, {
  // @ts-expect-error the reply of a join has a history
  join: () => ({ ok: {} }),
  handleIn,
})
defineChannel(Room, {
  // @ts-expect-error a join is answered with ok or error
  join: () => ({ status: 'retry', payload: {} }),
  handleIn,
})
defineChannel(Room, {
  join,
  handleIn: {
    ...handleIn,
    // @ts-expect-error the id is a text
    new_msg: () => ({ ok: { id: 7 } }),
  },
})
defineChannel(Room, {
  join,
  handleIn: {
    ...handleIn,
    // @ts-expect-error no reply is declared for typing
    typing: () => ({ ok: {} }),
  },
})
defineChannel(Room, {
  join,
  handleIn: {
    ...handleIn,
    // @ts-expect-error the reply of a stop is checked as well
    new_msg: async () => ({ stop: 'normal', reply: { ok: { ids: [] } } }),
  },
})
defineChannel(Room, {
  join,
  handleIn,
  handleInfo: {
    // @ts-expect-error a message to oneself has no reply
    tick: () => ({ ok: {} }),
  },
})

// Wrong towards the client.
const outgoing = (socket: ChannelSocket<Room, UserAssigns>): void => {
  socket.push('new_msg', { id: 'm1', body: 'hi' })
  // @ts-expect-error a message has a body
  socket.push('new_msg', { id: 'm1' })
  // @ts-expect-error no such event goes out
  socket.broadcast('quit', {})
  // @ts-expect-error a file is bytes
  socket.broadcastFrom('file', { body: 'hi' })
  // @ts-expect-error the assigns themselves stay
  socket.assigns = { userId: 'u1', muted: false }
  // @ts-expect-error the assigns have no such field
  void socket.assigns.name
}
void outgoing
defineChannel(Room, {
  join,
  handleIn,
  handleOut: {
    // @ts-expect-error no such event goes out
    quit() {},
  },
})

// Assigns.
defineChannel(Room, {
  assigns: (user: UserAssigns) => ({ userId: user.userId }),
  join(_params, socket) {
    // @ts-expect-error the factory has not made this
    void socket.assigns.muted
    return { ok: { history: [] } }
  },
  handleIn,
})

// A channel without a contract: anything goes, and is unknown until it is checked.
export const AnyChannel = defineUntypedChannel('any:*', {
  join: () => ({ ok: {} }),
  handleIn: {
    anything(payload, socket) {
      // @ts-expect-error nobody has checked the payload
      void payload.body
      socket.push('whatever', { body: String(payload) })
      return { ok: payload }
    },
  },
})
// @ts-expect-error a channel has a join
defineUntypedChannel('any:*', {})

export const Any = defineUntypedChannel('any:*', {
  join: () => ({ ok: {} }),
  handleIn: {
    '*'(payload, socket, event) {
      const name: string = event
      const value: unknown = payload
      return { ok: { name, value, topic: socket.topic } }
    },
  },
})
