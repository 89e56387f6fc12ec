import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { v1JsonSerializer, v2JsonSerializer } from '../../../protocol/index.ts'
import type { CallbackError } from '../../../server/errors.ts'
import { drainerDefaults } from '../../../server/limits/drainer.ts'
import { connect } from '../../../server/socket/connect.ts'
import type { ConnectInfo } from '../../../server/socket/connect-info.ts'
import { type AnySocket, defineSocket } from '../../../server/socket/define-socket.ts'

const boom = () => {
  throw new Error('boom')
}

async function attempt(socket: AnySocket, params: Record<string, unknown> = {}, info: ConnectInfo = {}) {
  const errors: CallbackError[] = []
  const outcome = await connect(
    socket,
    { params, info },
    {
      report: (error) => errors.push(error),
    },
  )
  return { outcome, errors }
}

test('an accepted client has its version, its assigns and its id', async () => {
  const socket = defineSocket({ connect: async () => ({ ok: { userId: 'u1' } }) }).id(
    ({ userId }) => `user:${userId}`,
  )
  const { outcome } = await attempt(socket, { vsn: '2.0.0' })
  expect(outcome).toStrictEqual({
    definition: socket,
    serializer: v2JsonSerializer,
    assigns: { userId: 'u1' },
    id: 'user:u1',
    expiresAt: null,
    drainer: drainerDefaults,
    address: null,
    settings: null,
  })
})

test('a result with both ok and error is a mistake, which accepts nobody', async () => {
  const { outcome, errors } = await attempt(
    defineSocket({ connect: () => ({ ok: {}, error: 'no' }) as never }),
  )
  expect(outcome).toMatchObject({ refused: 'crash' })
  expect(errors.map(({ message }) => message)).toEqual([
    "socket: connect failed: the result must be either { ok: assigns } or { error: reason } (got { ok: {}, error: 'no' })",
  ])
})

test('a result with an unknown key is a mistake, which accepts nobody', async () => {
  const result = { ok: {}, expiresat: Date.now() + 60_000 }
  const { outcome, errors } = await attempt(defineSocket({ connect: () => result }))
  expect(outcome).toMatchObject({ refused: 'crash' })
  expect(errors.map(({ message }) => message)).toEqual([
    'socket: connect failed: the result has an unknown key "expiresat"; the result must be { ok: assigns, expiresAt? }',
  ])
})

test('a client that sends no vsn uses 1.0.0 (VSN-1)', async () => {
  const { outcome } = await attempt(defineSocket({ connect: () => ({ ok: {} }) }))
  expect(outcome).toMatchObject({ serializer: v1JsonSerializer, id: null })
})

test('connect gets the params and the parts of the request that the mount lists', async () => {
  const seen: unknown[] = []
  const socket = defineSocket({
    params: Type.Object({ token: Type.String() }),
    connect(params, info) {
      seen.push(params, info)
      return { ok: {} }
    },
  })
  await attempt(socket, { vsn: '2.0.0', token: 't' }, { userAgent: 'test/1' })
  expect(seen).toEqual([{ vsn: '2.0.0', token: 't' }, { userAgent: 'test/1' }])
})

test.each(['2.0', '9.9.9', '', ['2.0.0'], { a: '2.0.0' }])(
  'the version %j refuses the client before any code of the application runs (CONNECT-2)',
  async (vsn) => {
    const { outcome, errors } = await attempt(defineSocket({ connect: boom }), { vsn })
    expect(outcome).toEqual({ refused: 'vsn', reason: 'unsupported vsn' })
    expect(errors).toEqual([])
  },
)

test('params that do not match refuse the client with the errors, before connect (CONNECT-3)', async () => {
  const { outcome, errors } = await attempt(
    defineSocket({ params: Type.Object({ token: Type.String() }), connect: boom }),
  )
  expect(outcome).toMatchObject({
    refused: 'params',
    reason: [{ message: expect.stringContaining('token') }],
  })
  expect(errors).toEqual([])
})

test('connect can refuse a client with any reason (CONNECT-3)', async () => {
  const reason = { code: 'expired' }
  const { outcome } = await attempt(defineSocket({ connect: async () => ({ error: reason }) }))
  expect(outcome).toEqual({ refused: 'connect', reason })
})

test.each<[string, AnySocket]>([
  ['connect throws', defineSocket({ connect: boom })],
  ['connect rejects', defineSocket({ connect: async () => boom() })],
  ['connect returns nothing', defineSocket({ connect: (() => undefined) as never })],
  ['connect returns an invalid result', defineSocket({ connect: (() => Object.create(null)) as never })],
  ['id throws', defineSocket({ connect: () => ({ ok: {} }) }).id(boom)],
  [
    'the check of the params throws',
    defineSocket({ params: Type.Refine(Type.Object({}), boom, () => ''), connect: () => ({ ok: {} }) }),
  ],
])('a crash is reported when %s (CONNECT-4)', async (_what, socket) => {
  const { outcome, errors } = await attempt(socket)
  expect(outcome).toMatchObject({ refused: 'crash' })
  expect(errors).toMatchObject([{ name: 'CallbackError', owner: 'socket', callback: 'connect' }])
})

test.each([1, undefined, {}])(
  'the id %j, which is neither text nor null, refuses the client (CONNECT-4)',
  async (id) => {
    const { outcome } = await attempt(defineSocket({ connect: () => ({ ok: {} }) }).id(() => id as never))
    expect(outcome).toEqual({
      refused: 'id',
      reason: `id() must return a string or null (got ${typeof id})`,
    })
  },
)

test.each([
  ['in the past', () => Date.now() - 1, 'must be in the future'],
  ['now', () => Date.now(), 'must be in the future'],
  ['in seconds', () => Math.floor(Date.now() / 1_000) + 3_600, 'must be in milliseconds since 1970'],
])('a client whose expiry time %s is refused (AUTH-4)', async (_what, until, problem) => {
  const socket = defineSocket({ connect: () => ({ ok: {}, expiresAt: until() }) })
  const { outcome, errors } = await attempt(socket)
  expect(outcome).toEqual({ refused: 'expired', reason: expect.stringContaining(problem) })
  expect(errors).toEqual([])
})
