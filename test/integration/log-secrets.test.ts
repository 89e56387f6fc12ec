import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineSocket, defineUntypedChannel, phoenix } from '../../server/index.ts'
import { connect } from '../helpers/raw-client.ts'
import { type RawResponse, request, upgrade } from '../helpers/raw-http.ts'

/** In each token of the tests, so that one search finds all. */
const SECRET = 't0ps3cret'
const QUERY = `vsn=2.0.0&token=${SECRET}&user_token=${SECRET}`

type Line = Record<string, unknown> & { msg: string }

const Room = defineUntypedChannel('room:*', {
  join: ({ full }: Record<string, unknown> = {}) => (full ? { error: { reason: 'full' } } : { ok: {} }),
  handleIn: { act: () => ({ ok: {} }) },
} as Parameters<typeof defineUntypedChannel>[1])

const UserSocket = defineSocket({
  connect({ refuse, raise }) {
    if (raise !== undefined) throw new Error('raised in connect')
    return refuse === undefined ? { ok: {} } : { error: 'refused' }
  },
}).channel(Room)

/** A server whose whole log is kept. */
async function serve(level = 'trace', prepare: (app: FastifyInstance) => void = () => {}) {
  const lines: Line[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const app = fastify({ logger: { level, stream } })
  onTestFinished(() => app.close())
  prepare(app)
  const mount = { socket: UserSocket, longpoll: true, authToken: true }
  await app.register(phoenix, { sockets: { '/socket': mount, '/c/:room': mount } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const about = (message: string) => lines.filter(({ msg }) => msg === message)
  const judge = async (): Promise<void> => {
    await app.close()
    expect(lines.filter((line) => JSON.stringify(line).includes(SECRET))).toEqual([])
  }
  return { about, app, base, judge, lines }
}

const token = (sent: string) => `["1","${sent}",{"token":"${SECRET}","nested":{"password":"${SECRET}"}}]`
const frame = (ref: string, event: string) => token(`${ref}","room:a","${event}`)

describe('the log of a server at `trace` has no token', () => {
  test('of clients over WebSocket, and has one line for each connection', async () => {
    const { about, base, judge } = await serve()
    const url = `${base.replace('http', 'ws')}/socket/websocket?${QUERY}`
    const header = `base64url.bearer.phx.${Buffer.from(SECRET).toString('base64url')}`
    for (const protocols of [[], ['phoenix', header]]) {
      const client = await connect(url, { protocols })
      client.send(frame('1', 'phx_join'), frame('2', 'act'), frame('3', 'other'))
      for (let n = 0; n < 3; n += 1) await client.next()
    }
    expect(about('socket connected')).toHaveLength(2)
    expect(about('incoming request')).toEqual([])
    await judge()
  })

  test('of clients over long-poll, and has a line at `debug` for each poll', async () => {
    const { about, base, judge } = await serve()
    const url = `${base}/socket/longpoll?${QUERY}`
    const headers = { 'x-phoenix-authtoken': SECRET }
    const opened = await request(url, { headers })
    const own = `${url}&token=${encodeURIComponent(JSON.parse(opened.body).token)}`
    await request(own, { method: 'POST', body: frame('1', 'phx_join'), headers })
    await request(own, { headers })
    await request(url, { method: 'OPTIONS' })
    expect(about('socket connected')).toHaveLength(1)
    await expect.poll(() => about('long-poll answered')).toHaveLength(4)
    expect(about('long-poll answered')).toMatchObject([
      { level: 20, path: '/socket', method: 'GET', status: 410, messages: 0, durationMs: expect.any(Number) },
      { method: 'POST', status: 200 },
      { method: 'GET', status: 200, messages: 1 },
      { method: 'OPTIONS', status: 200 },
    ])
    expect(JSON.stringify(about('long-poll answered'))).not.toContain(JSON.parse(opened.body).token)
    await judge()
  })

  test.each<[string, (base: string) => Promise<RawResponse>, object]>([
    [
      'that connect refuses',
      (base) => upgrade(`${base}/socket/websocket?${QUERY}&refuse=1`),
      { refused: 'connect' },
    ],
    [
      'whose connect throws',
      (base) => upgrade(`${base}/socket/websocket?${QUERY}&raise=1`),
      { refused: 'crash' },
    ],
    [
      'of an unknown version',
      (base) => upgrade(`${base}/socket/websocket?token=${SECRET}&vsn=9.0.0`),
      { refused: 'vsn' },
    ],
    [
      'whose request is not an upgrade',
      (base) => request(`${base}/socket/websocket?${QUERY}`),
      { refused: 'upgrade' },
    ],
    [
      'of another origin',
      (base) => upgrade(`${base}/socket/websocket?${QUERY}`, { origin: 'http://evil.example' }),
      { refused: 'origin' },
    ],
    [
      'over long-poll',
      (base) => request(`${base}/socket/longpoll?${QUERY}&refuse=1`),
      { refused: 'connect', msg: 'connection refused' },
    ],
    [
      'with another method',
      (base) => request(`${base}/socket/websocket?${QUERY}`, { method: 'PUT', body: SECRET }),
      { method: 'PUT', status: 400, msg: 'request refused' },
    ],
    ['for no mount', (base) => upgrade(`${base}/nowhere?${QUERY}`), { path: '/nowhere' }],
    ['for no mount, in full', (base) => upgrade(`${base}//nowhere?a?${QUERY}`), { path: '//nowhere' }],
  ])('of a client %s, and has one line for the refusal', async (_what, ask, line) => {
    const { base, judge, lines } = await serve()
    await ask(base)
    const own = () => lines.filter(({ msg }) => /refused|does not|origin/.test(msg))
    await expect.poll(own).toMatchObject([line])
    await judge()
  })

  test.each(['websocket', 'longpoll'])(
    'of a %s that a hook of the application refuses',
    async (transport) => {
      const { about, base, judge } = await serve('trace', (app) => {
        app.addHook('onRequest', async (_request, reply) => reply.code(401).send())
      })
      await request(`${base}/socket/${transport}?${QUERY}`)
      await expect
        .poll(() => about('request refused'))
        .toMatchObject([{ path: '/socket', method: 'GET', status: 401 }])
      await judge()
    },
  )

  test.each(['websocket', 'longpoll'])('of a %s whose hook fails', async (transport) => {
    const { about, base, judge, lines } = await serve('trace', (app) => {
      app.addHook('onRequest', async ({ raw }) => {
        throw new Error(`no database for "${raw.url}" today`)
      })
    })
    await request(`${base}/socket/${transport}?${QUERY}`, { headers: { connection: 'close' } })
    await expect.poll(() => lines.filter(({ level }) => level === 50)).toHaveLength(1)
    expect(JSON.stringify(lines)).toContain(`no database for \\"/socket/${transport}\\" today`)
    await judge()
    // The line of a failed long-poll request is ours. The application's error handler need not log WebSocket requests.
    expect(about('request refused')).toHaveLength(transport === 'longpoll' ? 0 : 1)
  })

  test('of a client whose request a hook answers twice', async () => {
    const { base, judge, lines } = await serve('trace', (app) => {
      app.addHook('onRequest', async (_request, reply) => {
        reply.code(401).send()
        reply.code(402).send()
        return reply
      })
    })
    await request(`${base}/socket/websocket?${QUERY}`)
    await expect.poll(() => JSON.stringify(lines)).toContain('FST_ERR_REP_ALREADY_SENT')
    await judge()
  })

  test('of a client whose URL the router refuses', async () => {
    const logged: unknown[] = []
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const app = fastify({
      logger: { level: 'trace', stream },
      frameworkErrors(error, request, reply) {
        logged.push(request.url)
        reply.raw.writeHead(400).end(error.message)
      },
    })
    onTestFinished(() => app.close())
    await app.register(phoenix, { sockets: { '/c/:room': UserSocket } })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    await upgrade(`${base}/c/%zz/websocket?${QUERY}`)
    expect(logged).toEqual(['/c/%zz/websocket'])
    expect(lines.join('')).not.toContain(SECRET)
  })
})

test.each(['error', 'silent'])('at the level %j requests create no loggers and no lines', async (level) => {
  let children = 0
  const { app, base, lines } = await serve(level)
  const { log } = app
  const { child } = log
  log.child = ((...args: Parameters<typeof child>) => {
    children += 1
    return child.apply(log, args)
  }) as typeof child
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?${QUERY}`)
  client.send(frame('1', 'phx_join'))
  await client.next()
  await request(`${base}/socket/longpoll?${QUERY}`)
  expect([children, lines]).toEqual([0, []])
})
