import type { Contract } from '../../../protocol/index.ts'
import { type ChannelSocket, defineUntypedChannel, shutdown } from '../../../server/index.ts'

/** Events that the test channel reports to the test, and promises that it waits for. */
export class Probe {
  /** The params of each `connect`. */
  readonly connects: unknown[] = []
  /** The connect info of each `connect`. */
  readonly infos: unknown[] = []
  /** Each answers a message that the event `later` has left open; again and again if called so. */
  readonly later: ((response: object) => void)[] = []
  /** The reasons that `terminate` was given, in order. */
  readonly terminated: unknown[] = []
  /** Ends the waiting of the joins of `room:slow`. */
  readonly openGate: () => void
  readonly gate: Promise<void>

  constructor() {
    let open = (): void => {}
    this.gate = new Promise((resolve) => {
      open = resolve
    })
    this.openGate = open
  }
}

export type Assigns = { user: string | null; role: string }
type Socket = ChannelSocket<Contract, Assigns>
type JoinResult = { ok: unknown } | { error: object }

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

/** A channel with one event for each thing that the checklist looks at; the topic chooses how a join ends. */
export function testChannel(topic: string, probe: Probe) {
  return defineUntypedChannel<Assigns, Assigns>(topic, {
    assigns: (from) => ({ ...from }),

    join(_params, socket): JoinResult | Promise<JoinResult> {
      switch (socket.subtopic) {
        case 'refuse':
          return { error: { reason: 'no' } }
        case 'refuse_list':
          return { error: ['no'] }
        case 'raise':
          throw new Error('raised in join')
        case 'push':
          socket.push('pushed', {})
          return { ok: {} }
        case 'object':
          return { ok: { a: 1 } }
        case 'list':
          return { ok: [1, 2] }
        case 'word':
          return { ok: 'word' }
        case 'after':
          socket.sendInfo('after_join')
          return { ok: {} }
        case 'slow':
          return probe.gate.then(() => ({ ok: {} }))
        default:
          return { ok: {} }
      }
    },

    handleIn: {
      echo: (payload) => ({ ok: payload }),
      err: (payload) => ({ error: Object(payload) }),
      weird: (payload) => ({ status: 'weird', payload }),
      noreply() {},
      raise() {
        throw new Error('raised in handleIn')
      },
      assigns: (_payload, socket) => ({ ok: socket.assigns }),
      role(payload, socket) {
        socket.assigns.role = String(payload)
        return { ok: {} }
      },
      later(_payload, socket) {
        const ref = socket.ref()
        probe.later.push((response) => socket.reply(ref, { ok: response }))
      },

      push: (payload, socket) => socket.push('pushed', payload),
      push_reply(payload, socket) {
        socket.push('pushed', payload)
        return { ok: {} }
      },
      bc: (payload, socket) => socket.broadcast('bc', payload),
      bc_reply(payload, socket) {
        socket.broadcast('bc', payload)
        return { ok: {} }
      },
      bcfrom(payload, socket) {
        socket.broadcastFrom('bc', payload)
        return { ok: {} }
      },
      intercepted(payload, socket) {
        socket.broadcast('out', payload)
        return { ok: {} }
      },

      replybin: (payload) => ({ ok: payload }),
      pushbin: (_payload, socket) => socket.push('pb', bytes('010203')),
      bcbin: (_payload, socket) => socket.broadcast('bb', bytes('0908')),
      longbin: (_payload, socket) => socket.push('e'.repeat(256), bytes('00')),
      objectreply: () => ({ ok: { a: 1 } }),

      stop_normal: () => ({ stop: 'normal' }),
      stop_shutdown: () => ({ stop: 'shutdown' }),
      stop_tuple: () => ({ stop: shutdown('done') }),
      stop_normal_reply: () => ({ stop: 'normal', reply: { ok: { m: 1 } } }),
      stop_other: () => ({ stop: 'other' }),
      stop_other_reply: () => ({ stop: 'other', reply: { ok: { m: 1 } } }),

      phx_reply: () => ({ ok: 'took phx_reply' }),
      phx_close: () => ({ ok: 'took phx_close' }),
    },

    handleOut: { out: (payload, socket) => socket.push('out', payload) },

    handleInfo: {
      after_join(_value, socket: Socket) {
        socket.push('pushed', {})
        socket.broadcast('bc', {})
      },
    },

    terminate(reason, socket) {
      probe.terminated.push(reason)
      if (socket.subtopic === 'bye') socket.push('bye', {})
    },
  })
}
