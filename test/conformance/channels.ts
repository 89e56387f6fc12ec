import { Type } from 'typebox'
import type { JoinParams } from '../../protocol/index.ts'
import { Binary, defineChannel, defineContract, definePresence } from '../../server/index.ts'

const Anything = Type.Unknown()
/** Not checked; typed as an object because an error reply is one. */
const AnyObject = Type.Unsafe<object>({})
const NewMessage = Type.Object({ body: Type.String() })

/** Messages in the reference app's rooms. */
export const ReferenceRoom = defineContract({
  topic: 'room:*',
  reply: Type.Object({ hello: Type.Optional(Type.String()) }),
  incoming: {
    new_msg: { payload: NewMessage },
    echo: { payload: Anything, reply: Anything },
    fail: { payload: AnyObject, reply: Anything },
    boom: { payload: Anything },
    quiet: { payload: Anything },
    stop: { payload: Anything },
    stop_reply: { payload: Anything, reply: Type.Object({ bye: Type.Boolean() }) },
    from: { payload: Anything },
    push_me: { payload: Anything },
    big: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({ data: Type.String() }) },
    bin_echo: { payload: Binary, reply: Binary },
    bin_cast: { payload: Binary },
    bin_push: { payload: Binary },
  },
  outgoing: { new_msg: NewMessage, from: Anything, pushed: Anything, bin_cast: Binary, bin_pushed: Binary },
})

/** One event for each thing that a channel can do. */
export const ReferenceChannel = defineChannel(ReferenceRoom, {
  join(_params, socket) {
    switch (socket.subtopic) {
      case 'forbidden':
        return { error: { reason: 'unauthorized' } }
      case 'crash':
        throw new Error('the join of room:crash throws')
      case 'reply':
        return { ok: { hello: 'world' } }
      default:
        return { ok: {} }
    }
  },

  handleIn: {
    new_msg: ({ body }, socket) => socket.broadcast('new_msg', { body }),
    echo: (payload) => ({ ok: payload }),
    fail: (payload) => ({ error: payload }),
    boom() {
      throw new Error('boom')
    },
    quiet() {},
    stop: () => ({ stop: 'normal' }),
    stop_reply: () => ({ stop: 'shutdown', reply: { ok: { bye: true } } }),
    from: (payload, socket) => socket.broadcastFrom('from', payload),
    push_me: (payload, socket) => socket.push('pushed', payload),
    big: ({ n }) => ({ ok: { data: 'x'.repeat(n) } }),
    bin_echo: (bytes) => ({ ok: bytes }),
    bin_cast: (bytes, socket) => socket.broadcast('bin_cast', bytes),
    bin_push: (bytes, socket) => socket.push('bin_pushed', bytes),
  },
})

/** Messages on the reference app's presence topics. */
export const ReferenceLobby = defineContract({
  topic: 'presence:*',
  params: Type.Object({ user_id: Type.String(), name: Type.String() }),
  incoming: { boom: { payload: Anything } },
  presence: Type.Object({ name: Type.String() }),
})

/** Presences on the reference app's presence topics. */
export const ReferencePresence = definePresence(ReferenceLobby)

/** Tracks everybody who joins. */
export const PresenceChannel = defineChannel(ReferenceLobby, {
  join(params, socket) {
    socket.sendInfo('after_join', params)
    return { ok: {} }
  },

  handleIn: {
    boom() {
      throw new Error('boom')
    },
  },

  handleInfo: {
    after_join({ user_id, name }: JoinParams<typeof ReferenceLobby>, socket) {
      ReferencePresence.track(socket, user_id, { name })
      ReferencePresence.pushState(socket)
    },
  },
})
