import { setTimeout as wait } from 'node:timers/promises'
import { Type } from 'typebox'
import {
  type ChannelSocket,
  defineChannel,
  defineContract,
  type HistorySpec,
  KeyReusedError,
  ProtocolError,
} from '../../server/index.ts'

/** Not checked: drivers send what they like. */
const Anything = Type.Unsafe<Record<string, unknown>>({})
const Kept = Type.Object({ kept: Type.Boolean() })
const outgoing = { msg: Anything, odd: Anything, out: Anything, poison: Anything, blink: Anything }
const events = ['msg', 'odd', 'out', 'poison'] as const
const body = {
  params: Type.Object(
    { name: Type.Optional(Type.String()), wait: Type.Optional(Type.Integer()) },
    { additionalProperties: false },
  ),
  reply: Type.Object({ hello: Type.Boolean() }),
  incoming: {
    say: { payload: Anything, reply: Kept },
    say_from: { payload: Anything, reply: Kept },
    blink: { payload: Anything, reply: Type.Object({}) },
    bytes: { payload: Anything, reply: Kept },
  },
  outgoing,
} as const
const history = { size: 100, ttlMs: 60_000, maxBytes: 8_388_608, events } satisfies HistorySpec<
  keyof typeof outgoing
>
const bigHistory = { size: 5_000, ttlMs: 60_000, maxBytes: 67_108_864, events: ['msg'] } as const

/** Rooms with a history; `plain:*` is the same without one. */
export const LogRoom = defineContract({ topic: 'log:*', ...body, history })
const FilteredRoom = defineContract({ topic: 'filtered:*', ...body, history })
const BigRoom = defineContract({ topic: 'big:*', ...body, history: bigHistory })
const PlainRoom = defineContract({ topic: 'plain:*', ...body })

type Room = typeof LogRoom
type Said = Record<string, unknown>
type Answer = { ok: { kept: boolean } } | { error: { reason: string } }

async function publish(socket: ChannelSocket<Room>, said: Said, toSelf: boolean): Promise<Answer> {
  const { event = 'msg', key, ...rest } = said
  const options = typeof key === 'string' ? { key, toSelf } : { toSelf }
  try {
    // Drivers may name any event.
    return { ok: { kept: await socket.publish(event as 'msg', rest, options) } }
  } catch (error) {
    if (error instanceof KeyReusedError) return { error: { reason: 'key_reused' } }
    if (error instanceof ProtocolError) return { error: { reason: 'refused' } }
    throw error
  }
}

/** The callbacks of all of them; a contract of the same events has the same types. */
const callbacks = {
  async join({ wait: ms = 0 }: { wait?: number }) {
    if (ms > 0) await wait(ms)
    return { ok: { hello: true } }
  },
  handleIn: {
    say: (said: Said, socket: ChannelSocket<Room>) => publish(socket, said, true),
    say_from: (said: Said, socket: ChannelSocket<Room>) => publish(socket, said, false),
    blink(said: Said, socket: ChannelSocket<Room>) {
      socket.broadcast('blink', said)
      return { ok: {} }
    },
    async bytes(_said: Said, socket: ChannelSocket<Room>): Promise<Answer> {
      try {
        // Bytes, where the contract wants an object.
        const bytes: unknown = Uint8Array.of(1, 2, 3)
        return { ok: { kept: await socket.publish('msg', bytes as Said) } }
      } catch {
        return { error: { reason: 'refused' } }
      }
    },
  },
}

/** Channels of `log:*`, `plain:*` and `big:*`. */
export const LogChannel = defineChannel(LogRoom, callbacks)
export const PlainChannel = defineChannel(PlainRoom, callbacks)
export const BigChannel = defineChannel(BigRoom, callbacks)

/** The same with `handleOut`. */
export const FilteredChannel = defineChannel(FilteredRoom, {
  ...callbacks,
  handleOut: {
    async odd(payload, socket) {
      const { wait: ms, n } = payload
      if (Number(ms) > 0) await wait(Number(ms))
      if (Number(n) % 2 === 1) socket.push('odd', payload)
    },
    out(payload, socket) {
      for (const part of [1, 2]) socket.push('out', { ...payload, part })
    },
    poison() {
      throw new Error('poison')
    },
  },
})
