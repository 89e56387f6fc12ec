import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { expect, it, onTestFinished } from 'vitest'
import { defineContract } from '../../protocol/index.ts'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import {
  defineChannel,
  definePresence,
  defineSocket,
  type PresenceOptions,
  phoenix,
} from '../../server/index.ts'
import { until } from '../helpers/until.ts'
import { deeds, Guest, viewOf } from './presence-guest.ts'

const GUESTS = 50
/** Fewer keys than guests, so that many have several metas; some that no object should have. */
const KEYS = ['__proto__', 'constructor', 'ann', 'bob', 7, ...Array.from({ length: 20 }, (_, n) => `u${n}`)]
const TIME_LIMIT = 60_000

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ key: Type.Union([Type.String(), Type.Number()]) }),
  incoming: {
    rename: { payload: Type.Object({ name: Type.String() }), reply: Type.Object({}) },
    crash: { payload: Type.Object({}) },
  },
  presence: Type.Object({ name: Type.String() }),
})

const act = fc.record({ who: fc.nat(GUESTS - 1), deed: fc.constantFrom(...deeds) })
const rounds = fc.array(fc.array(act, { minLength: 20, maxLength: 120 }), { minLength: 4, maxLength: 8 })

it.each([
  ['one diff per turn', {}, 1],
  ['one diff per window', { windowMs: 20 }, 2],
  ['a fetch that takes its time', { fetch: slowFetch }, 3],
] as [string, Options, number][])(
  'all clients know who is present at every quiet point, with %s',
  async (_name, options, seed) => {
    const property = fc.asyncProperty(rounds, (acts) => party(options, acts))
    // To shrink would take longer than to read the rounds.
    await fc.assert(property, { seed, numRuns: 3, endOnFailure: true })
  },
  TIME_LIMIT,
)

type Options = PresenceOptions<typeof Room, Record<string, object> | Promise<Record<string, object>>>
const define = (options: Options) => definePresence(Room, options)
type Acts = readonly (readonly { who: number; deed: (typeof deeds)[number] }[])[]

async function party(options: Options, acts: Acts): Promise<void> {
  const presence = define(options)
  const { app, base } = await serve(presence)
  const host = new Guest(base, 'host')
  const guests = Array.from({ length: GUESTS }, (_, n) => new Guest(base, KEYS[n % KEYS.length] ?? n))
  const list = async () =>
    viewOf(
      Object.entries(await presence.list(app.endpoint, 'room:a')).map(([key, { metas }]) => [key, metas]),
    )
  await Promise.all([host, ...guests].map((guest) => guest.enter()))
  for (const [round, doings] of acts.entries()) {
    await Promise.all(
      guests.map(async (guest, n) => {
        for (const { deed } of doings.filter(({ who }) => who === n)) await guest.do(deed)
      }),
    )
    const inside = [host, ...guests.filter(({ isInside }) => isInside)]
    await until(() => app.endpoint.localMemberCount('room:a') === inside.length)
    // Messages are in order: a client that knows the host's new name knows all earlier changes.
    await host.rename(`round ${round}`)
    const knows = ({ view }: Guest) => view['host']?.some((meta) => String(meta).includes(`round ${round}`))
    await until(() => inside.every(knows))
    const truth = await list()
    for (const guest of inside) expect(guest.view, `round ${round}`).toEqual(truth)
    expect(Object.values(truth).flat()).toHaveLength(inside.length)
  }
  await Promise.all([host, ...guests].map((guest) => guest.quit()))
  await until(() => serverOf(app.endpoint).sockets.size === 0)
  expect(await list()).toEqual({})
  await app.close()
}

async function serve(presence: ReturnType<typeof define>): Promise<{ app: FastifyInstance; base: string }> {
  const channel = defineChannel(Room, {
    assigns: () => ({ key: '' as string | number }),
    join({ key }, socket) {
      socket.assigns.key = key
      socket.sendInfo('after_join')
      return { ok: {} }
    },
    handleIn: {
      rename({ name }, socket) {
        presence.update(socket, socket.assigns.key, (current) => ({ ...current, name }))
        return { ok: {} }
      },
      crash() {
        throw new Error('crash')
      },
    },
    handleInfo: {
      after_join(_value, socket) {
        presence.track(socket, socket.assigns.key, { name: 'new' })
        presence.pushState(socket)
      },
    },
  })
  const app = fastify()
  onTestFinished(() => app.close())
  const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  return { app, base: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

/** Answers later than changes come. */
async function slowFetch(): Promise<Record<string, object>> {
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
  return {}
}
