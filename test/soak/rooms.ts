import { setTimeout as delay } from 'node:timers/promises'
import { Type } from 'typebox'
import {
  defineChannel,
  defineContract,
  definePresence,
  defineSocket,
  defineUntypedChannel,
  type Endpoint,
} from '../../server/index.ts'
import type { AnySocket } from '../../server/socket/define-socket.ts'

/** Milliseconds for which a heavy join keeps the process busy. */
const HEAVY_MS = 5
/** Content of a large message. A few of these messages exceed what the kernel buffers for a connection. */
const FILLER = 'x'.repeat(131_072)
const MOST_ROARS = 400

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ id: Type.String() }),
  incoming: {
    say: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({}) },
    crash: { payload: Type.Object({}) },
  },
  outgoing: { said: Type.Object({ n: Type.Integer() }) },
  presence: Type.Object({}),
})

/** Presences in the rooms. */
export const SoakPresence = definePresence(Room)

/** Channel of steady clients and guests. */
const RoomChannel = defineChannel(Room, {
  join({ id }, socket) {
    socket.sendInfo('after_join', id)
    return { ok: {} }
  },
  handleIn: {
    say(said, socket) {
      socket.broadcast('said', said)
      return { ok: {} }
    },
    crash() {
      throw new Error('as it was asked to')
    },
  },
  handleInfo: {
    after_join(id: string, socket) {
      SoakPresence.track(socket, id, {})
      SoakPresence.pushState(socket)
    },
  },
})

/** Channel whose join takes no time. */
const IdleChannel = defineUntypedChannel('idle:*', { join: () => ({ ok: {} }) })

/** Channel whose join takes CPU time. */
const HeavyChannel = defineUntypedChannel('heavy:*', {
  join() {
    const end = performance.now() + HEAVY_MS
    while (performance.now() < end);
    return { ok: {} }
  },
})

/** Create a channel in which a client can send the other members more than they read, until they are gone. */
function loudChannel(endpoint: () => Endpoint) {
  return defineUntypedChannel('loud:*', {
    join: () => ({ ok: {} }),
    handleIn: {
      roar(_payload, socket) {
        for (let n = 0; n < MOST_ROARS && endpoint().localMemberCount(socket.topic) > 1; n += 1) {
          socket.broadcastFrom('noise', { n, filler: FILLER })
        }
        return { ok: {} }
      },
    },
  })
}

/** Create a channel that can be busy when messages and broadcasts arrive. */
function busyChannel(endpoint: () => Endpoint) {
  return defineUntypedChannel('busy:*', {
    join: () => ({ ok: {} }),
    handleIn: {
      hold: (payload) => delay((payload as { ms: number }).ms),
      note: () => ({ ok: {} }),
      shout(payload, socket) {
        const { times } = payload as { times: number }
        for (let n = 0; n < times; n += 1) socket.broadcast('shouted', { n })
        return { ok: {} }
      },
      kick: (payload) => void endpoint().disconnect(`user:${(payload as { id: string }).id}`),
    },
    handleOut: { shouted: (payload, socket) => socket.push('heard', payload) },
  })
}

/** Create the socket of a soak. Its params select how a connection is refused or ends. */
export function soakSocket(endpoint: () => Endpoint): AnySocket {
  const socket = defineSocket({
    params: Type.Unsafe<Record<string, unknown>>({}),
    connect({ crash, refuse, lives, id = null }) {
      if (crash !== undefined) throw new Error('as it was asked to')
      if (refuse !== undefined) return { error: 'as it was asked to' }
      const expires = lives === undefined ? {} : { expiresAt: Date.now() + Number(lives) }
      return { ok: { id }, ...expires }
    },
  })
  return socket
    .id(({ id }) => (id === null ? null : `user:${String(id)}`))
    .channel(RoomChannel)
    .channel(IdleChannel)
    .channel(HeavyChannel)
    .channel(loudChannel(endpoint))
    .channel(busyChannel(endpoint))
}
