// The limits of the contract, at both doors: the channel and the routes.
import type { InjectOptions } from 'fastify'
import { describe, expect, test } from 'vitest'
import { userSocket } from '../../../server/app/user-socket.ts'
import { type Client, TestEndpoint } from '../../helpers/build-endpoint.ts'
import { openApp } from '../../helpers/open-app.ts'
import { auth, signedIn } from '../../helpers/tokens.ts'

const SOMEBODY = { id: 'somebody', name: 'Somebody' }

/** The frame of a message of the client, who is a guest, or with a token somebody. */
function said(message: object): string {
  const payload = auth === null ? message : { ...message, from: SOMEBODY }
  return `[null,null,"room:a","new_msg",${JSON.stringify(payload)}]`
}

function connect(): Promise<Client> {
  return new TestEndpoint().connect(userSocket(auth), { vsn: '2.0.0', ...signedIn() })
}

async function join(room: string): Promise<unknown> {
  const client = await connect()
  const [reply] = client.ask(JSON.stringify(['1', '1', `room:${room}`, 'phx_join', {}]))
  return JSON.parse(String(reply))[4]
}

async function post(room: string, options: InjectOptions): Promise<[status: number, body: unknown]> {
  const { app } = await openApp()
  const url = `/api/rooms/${encodeURIComponent(room)}/messages`
  const response = await app.inject({ method: 'POST', url, ...options })
  return [response.statusCode, response.json()]
}

describe('a room name', () => {
  test.each([['a'], ['a b/ü:*?%'], ['x'.repeat(64)], ['🐦'.repeat(64)], ['__proto__']])(
    'may be %s',
    async (room) => {
      expect(await join(room)).toEqual({ status: 'ok', response: auth === null ? {} : { user: SOMEBODY } })
      expect(await post(room, { payload: { body: 'hi' } })).toEqual([202, { ok: true }])
    },
  )

  test.each([
    ['empty', ''],
    ['65 code points', 'x'.repeat(65)],
    ['65 birds', '🐦'.repeat(65)],
    ['two with a comma', 'a,b'],
    ['a line break', 'a\nb'],
    ['a NUL', '\0'],
    ['a C1 control character', 'a\u0085b'],
    ['a thousand characters', 'x'.repeat(1_000)],
  ])('cannot be %s', async (_what, room) => {
    expect(await join(room)).toEqual({ status: 'error', response: { reason: 'invalid room' } })
    expect(await post(room, { payload: { body: 'hi' } })).toMatchObject([400, { code: 'invalid_request' }])
  })
})

describe('a message', () => {
  async function say(payload: unknown): Promise<string> {
    const client = await connect()
    client.ask('["1","1","room:a","phx_join",{}]')
    return String(client.ask(JSON.stringify(['1', '2', 'room:a', 'new_msg', payload])))
  }

  test.each([['x'], ['x'.repeat(4_000)], ['🐦'.repeat(4_000)], ['\n\0'], ['e\u0301'.repeat(2_000)]])(
    'may have 1 to 4,000 code points of any kind: %#',
    async (body) => {
      expect(await say({ body })).toBe(said({ body }))
      expect((await post('a', { payload: { body } }))[0]).toBe(202)
    },
  )

  test('is broadcast without unknown keys that the client added', async () => {
    expect(await say({ body: 'hi', admin: true })).toBe(said({ body: 'hi' }))
  })

  test.each(['x', 'x'.repeat(64), '3f0e2c1a-7d5b-4c0e-9a57-0d5b6f0f2a11'])(
    'is broadcast with the id that its client gave it: %s',
    async (id) => {
      expect(await say({ body: 'hi', id })).toBe(said({ body: 'hi', id }))
    },
  )

  test.each([
    [{}],
    [{ body: '' }],
    [{ body: 'x'.repeat(4_001) }],
    [{ body: '🐦'.repeat(4_001) }],
    [{ body: 1 }],
    [{ body: null }],
    [{ body: ['hi'] }],
    [{ body: 'hi', id: '' }],
    [{ body: 'hi', id: 'a b' }],
    [{ body: 'hi', id: 'x'.repeat(65) }],
    [null],
    ['hi'],
    [[]],
  ])(
    'must be text: %# is refused by the channel and by the route, and nothing is converted',
    async (payload) => {
      expect(await say(payload)).toContain('"reason":"invalid payload"')
      if (payload !== null && 'id' in Object(payload)) return
      const given = { payload: JSON.stringify(payload), headers: { 'content-type': 'application/json' } }
      expect(await post('a', given)).toMatchObject([400, { code: 'invalid_request' }])
    },
  )

  test.each<[string, InjectOptions, number]>([
    ['no body', {}, 400],
    ['an empty body', { payload: '', headers: { 'content-type': 'application/json' } }, 400],
    ['no JSON', { payload: '{{', headers: { 'content-type': 'application/json' } }, 400],
    ['another content type', { payload: 'body=hi', headers: { 'content-type': 'text/html' } }, 415],
    ['1 MB', { payload: { body: 'x'.repeat(1_000_000) } }, 413],
    [
      'a poisoned prototype',
      { payload: '{"__proto__":{"body":"hi"}}', headers: { 'content-type': 'application/json' } },
      400,
    ],
  ])('with %s is refused', async (_what, options, status) => {
    expect(await post('a', options)).toMatchObject([status, { status }])
  })
})
