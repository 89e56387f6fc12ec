import fc from 'fast-check'
import { Type } from 'typebox'
import { expect, it, vi } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'

const Any = Type.Unsafe<object>({})
const LAST = 3
const history = { events: ['msg', 'out', 'late'] as const, size: 1_000, onJoin: LAST, maxBytes: 1_000_000 }
const Room = defineContract({
  topic: 'log:*',
  outgoing: { msg: Any, out: Any, late: Any, blink: Any },
  history: { ...history, ttlMs: 60_000 },
})

type Event = keyof typeof Room.outgoing
type Step = Event | 'turn' | 'many'
type Sent = { readonly event: Event; readonly n: number }
const isKept = ({ event }: Sent) => event !== 'blink'

/** Broadcasts, single and in numbers above those of a portion, and turns of the event loop. */
const steps = (events: readonly Event[]) =>
  fc.array(fc.constantFrom<Step[]>(...events, ...events, 'turn', 'many'), { maxLength: 10 })

type Scene = {
  readonly params: object
  /** Whether the join callback is pending during `joining`. */
  readonly isSlow: boolean
  readonly before: readonly Step[]
  readonly joining: readonly Step[]
  /** Between the return of the join callback and its reply. */
  readonly joined: readonly Step[]
  readonly replied: readonly Step[]
}

/** What a client must get, what it got, and how many broadcasts still count as queued. */
async function play({ params, isSlow, before, joining, joined, replied }: Scene) {
  const endpoint = new TestEndpoint({ histories: [Room] })
  const [earlier, own] = [new Deferred<{ ok: object }>(), new Deferred()]
  const channel = defineChannel(Room, {
    join: () => (isSlow ? own.promise.then(() => ({ ok: {} })) : { ok: {} }),
    handleOut: {
      out: (payload, socket) => void socket.push('out', payload),
      async late(payload, socket) {
        await turn()
        socket.push('late', payload)
      },
    },
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) })
    .channel(channel)
    .channel(defineUntypedChannel('slow', { join: () => earlier.promise }))
  const sent: Sent[] = []
  const say = (event: Event) => {
    const n = sent.push({ event, n: sent.length + 1 })
    void endpoint.broadcast('log:a', event, { n })
  }
  const run = async (given: readonly Step[]) => {
    for (const step of given) {
      if (step === 'turn') await turn()
      else if (step === 'many') for (let n = 0; n < 70; n++) say(n % 7 === 0 ? 'out' : 'msg')
      else say(step)
    }
  }

  await run(before)
  const client = await endpoint.connect(socket)
  const queued = vi.spyOn(client.socket, 'queuedBroadcast')
  const dequeued = vi.spyOn(client.socket, 'dequeuedBroadcasts')
  // The reply of the first join holds back the reply of the second.
  client.send('["1","1","slow","phx_join",{}]', JSON.stringify(['2', '2', 'log:a', 'phx_join', params]))
  const first = sent.length
  await run(joining)
  own.resolve()
  if (isSlow) await turn()
  const start = isSlow ? sent.length : first
  await run(joined)
  earlier.resolve({ ok: {} })
  await run(replied)
  for (let n = 0; n < 100; n++) await turn()

  // What is kept during the join callback counts as missed. What is not kept then is not for this client.
  const missed =
    '_since' in params
      ? sent.slice(first, start).filter(isKept)
      : sent.slice(0, start).filter(isKept).slice(-LAST)
  const got = client.take().flatMap((frame) => {
    const [, , , event, payload] = JSON.parse(String(frame))
    return payload.n === undefined ? [] : [{ event, n: payload.n }]
  })
  const left = dequeued.mock.calls.reduce((sum, [count]) => sum - count, queued.mock.calls.length)
  await endpoint.stop()
  return { got, expected: [...missed, ...sent.slice(start)], left }
}

// A client that does not ask leaves the history when it has caught up; then a `handleOut` that waits keeps no order.
it.each<[how: string, params: object, events: readonly Event[]]>([
  ['asks', { _since: null }, ['msg', 'out', 'late', 'blink']],
  ['does not ask', {}, ['msg', 'out', 'blink']],
])(
  'a client that %s gets each broadcast once and in order, whenever it is sent',
  async (_how, params, events) => {
    const some = steps(events)
    const scenes = fc.record({
      params: fc.constant(params),
      isSlow: fc.boolean(),
      before: some,
      joining: some,
      joined: some,
      replied: some,
    })
    const property = fc.asyncProperty(scenes, async (scene) => {
      const { got, expected, left } = await play(scene)
      expect(got).toEqual(expected)
      expect(left).toBe(0)
    })
    await fc.assert(property, { numRuns: 100 })
  },
)
