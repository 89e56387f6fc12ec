import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { UsageError } from '../../../server/errors.ts'
import { defineSocket, SocketDefinition } from '../../../server/socket/define-socket.ts'

const join = () => ({ ok: {} })
const Rooms = defineUntypedChannel('room:*', { join })
const Lobby = defineUntypedChannel('room:lobby', { join })
const socket = defineSocket({ connect: () => ({ ok: { userId: 'u1' } }) })

test('a definition is frozen data without routes', () => {
  expect(socket).toBeInstanceOf(SocketDefinition)
  expect(Object.isFrozen(socket)).toBe(true)
  expect([socket.checkParams, socket.identify, socket.routes, socket.route('room:lobby')]).toEqual([
    null,
    null,
    [],
    null,
  ])
})

test('id() and channel() return copies and do not change the original', () => {
  const named = socket.id(({ userId }) => userId)
  const routed = named.channel(Rooms)
  expect([socket.identify, socket.routes.length, named.routes.length]).toEqual([null, 0, 0])
  expect(routed.identify).toBe(named.identify)
  expect(routed.routes.map((route) => route.definition)).toEqual([Rooms])
  expect([named, routed, routed.routes, routed.routes[0]].every((part) => Object.isFrozen(part))).toBe(true)
})

test('the first route whose pattern matches a topic is used (TOPIC-3)', () => {
  const both = socket.channel(Lobby).channel(Rooms)
  expect(both.route('room:lobby')?.definition).toBe(Lobby)
  expect(both.route('room:else')?.definition).toBe(Rooms)
  expect(both.route('room:')?.definition).toBe(Rooms)
  expect(both.route('Room:else')).toBeNull()
})

test.each([
  [Rooms, Rooms],
  [Rooms, Lobby],
  [Lobby, Lobby],
])('a channel that no topic can reach is refused: %#', (first, second) => {
  const { pattern } = second.pattern
  expect(() => socket.channel(first).channel(second)).toThrow(
    `no topic can reach channel "${pattern}", because channel "${first.pattern.pattern}", which was added earlier`,
  )
})

test('a route has the given assigns, or none', () => {
  const routed = socket.channel(Lobby, { assigns: { kind: 'public' } }).channel(Rooms)
  expect(routed.routes.map((route) => route.assigns)).toEqual([{ kind: 'public' }, null])
})

test('the params are checked against the schema', () => {
  const strict = defineSocket({
    params: Type.Object({ token: Type.String() }),
    connect: ({ token }) => ({ ok: { token } }),
  })
  expect(strict.checkParams?.({ token: 't', vsn: '2.0.0' })).toBeNull()
  expect(strict.checkParams?.({})).toHaveLength(1)
})

test('a schema without further keys accepts the `vsn` that every client sends, and names other keys', () => {
  const strict = defineSocket({
    params: Type.Object({ name: Type.String() }, { additionalProperties: false }),
    connect: () => ({ ok: {} }),
  })
  expect(strict.checkParams?.({ name: 'Ann', vsn: '2.0.0' })).toBeNull()
  expect(strict.checkParams?.({ name: 'Ann', extra: '1' })).toEqual([
    { path: '/extra', message: 'is an unknown key' },
  ])
  const versioned = defineSocket({
    params: Type.Object({ vsn: Type.Literal('2.0.0') }),
    connect: () => ({ ok: {} }),
  })
  expect(versioned.checkParams?.({ vsn: '1.0.0' })).toHaveLength(1)
})

test.each([{}, { connect: true }])('a socket without a connect function is refused: %j', (options) => {
  expect(() => defineSocket(options as never)).toThrow(UsageError)
  expect(() => defineSocket(options as never)).toThrow('socket: `connect` must be a function (got ')
})
