import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { LongPoll, Socket } from 'phoenix'
import { Server as SocketIo } from 'socket.io'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ConnectInfo, defineSocket, phoenix } from '../../../server/index.ts'
import { endAfterTest } from '../../helpers/official-socket.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgradeHeaders } from '../../helpers/raw-http.ts'
import { provideXmlHttpRequest } from '../../helpers/xml-http-request.ts'

/** A server with `/socket` and `/c/:room`; `seen` is what their `connect` was given. */
async function serve(options: FastifyServerOptions = {}, before: (app: FastifyInstance) => void = () => {}) {
  const seen: { params: unknown; info: ConnectInfo }[] = []
  const socket = defineSocket({
    connect(params, info) {
      seen.push({ params, info })
      return { ok: {} }
    },
  })
  const mount = { socket, longpoll: true, connectInfo: ['uri' as const] }
  const app = fastify(options)
  onTestFinished(() => app.close())
  before(app)
  await app.register(phoenix, { sockets: { '/socket': mount, '/c/:room': mount } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, base, seen }
}

/** The status with which a server answers a request for exactly this target. */
async function statusOf(base: string, target: string, headers: Record<string, string>): Promise<string> {
  const tcp = connectTcp(Number(new URL(base).port), '127.0.0.1')
  onTestFinished(() => void tcp.destroy())
  const lines = Object.entries({ host: 'a', ...headers }).map((header) => header.join(': '))
  tcp.write([`GET ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
  const [answer] = (await once(tcp, 'data')) as [Buffer]
  return String(answer).slice(9, 12)
}

// Fastify's types do not know this option of its router.
const SEMICOLON: object = { useSemicolonDelimiter: true }

const TRANSPORTS = [
  ['websocket', upgradeHeaders, '101'],
  ['longpoll', {}, '200'],
] as const

describe.each(TRANSPORTS)('over %s', (transport, headers, taken) => {
  test.each<[path: string, options?: FastifyServerOptions]>([
    ['/socket/TRANSPORT'],
    ['/socket//TRANSPORT'],
    ['/socket/TRANSPORT/'],
    ['//socket///TRANSPORT//'],
    ['/c/lobby//TRANSPORT'],
    ['http://other.example/socket/TRANSPORT'],
    ['http://other.example//socket//TRANSPORT/'],
    ['/SOCKET/TRANSPORT', { routerOptions: { caseSensitive: false } }],
    ['/socket/TRANSPORT/', { routerOptions: { ignoreTrailingSlash: true } }],
    ['/socket//TRANSPORT', { routerOptions: { ignoreDuplicateSlashes: true } }],
    ['/socket/TRANSPORT;a=b', { routerOptions: { ...SEMICOLON } }],
    ['/old/TRANSPORT', { rewriteUrl: ({ url = '' }) => url.replace('/old', '/socket') }],
    ['/old//TRANSPORT/', { rewriteUrl: ({ url = '' }) => url.replace('/old', '/socket') }],
  ])('a mount is found at %s (HANDSHAKE-5)', async (path, options) => {
    const { base } = await serve(options)
    const target = path.replace('TRANSPORT', transport)
    expect(await statusOf(base, `${target}?vsn=2.0.0`, headers)).toBe(taken)
  })

  test('if addresses are rewritten, a mount is found on every request (HANDSHAKE-5)', async () => {
    const asked: (string | undefined)[] = []
    const rewriteUrl: FastifyServerOptions['rewriteUrl'] = ({ url = '' }) => {
      asked.push(url)
      return url.replace('/old', '/socket')
    }
    const { base, seen } = await serve({ rewriteUrl })
    for (let n = 0; n < 3; n += 1)
      expect(await statusOf(base, `/old//${transport}?vsn=2.0.0`, headers)).toBe(taken)
    expect(seen).toHaveLength(3)
    expect(new Set(asked)).toEqual(new Set([`/old/${transport}?vsn=2.0.0`]))
  })

  test('a mount is found if letters are percent-encoded (HANDSHAKE-5)', async () => {
    const { base } = await serve()
    const encoded = `%${transport.charCodeAt(0).toString(16)}${transport.slice(1)}`
    expect(await statusOf(base, `/%73ocket/${encoded}?vsn=2.0.0`, headers)).toBe(taken)
  })

  test.each(['/SOCKET/TRANSPORT', '/socket', '/socket/x/TRANSPORT', '/c//TRANSPORT', '/socket/TRANSPORT/x'])(
    'no mount is found at %s',
    async (path) => {
      const { base, seen } = await serve()
      expect(await statusOf(base, `${path.replace('TRANSPORT', transport)}?vsn=2.0.0`, headers)).toBe('404')
      expect(seen).toEqual([])
    },
  )

  test('connect gets the path as the client wrote it, and the variables of the route', async () => {
    const { base, seen } = await serve()
    const target = `/c/lobby//${transport}`
    expect(await statusOf(base, `${target}?vsn=2.0.0&url=a//b/`, headers)).toBe(taken)
    expect(seen).toMatchObject([
      {
        params: { room: 'lobby', url: 'a//b/' },
        info: { uri: { path: target, query: 'vsn=2.0.0&url=a//b/' } },
      },
    ])
  })

  test('a more specific route of the application takes precedence over a mount', async () => {
    const { base, seen } = await serve({}, (app) => void app.get(`/c/own/${transport}`, () => 'own'))
    expect(await statusOf(base, `/c/lobby/${transport}?vsn=2.0.0`, headers)).toBe(taken)
    expect((await request(`${base}/c/own/${transport}`)).body).toBe('own')
    expect(seen).toHaveLength(1)
  })
})

test('if a constraint of the application throws, no mount answers for another path', async () => {
  const { base } = await serve({}, (app) => {
    const deriveConstraint = ({ headers }: IncomingMessage) => {
      if (headers.cookie !== undefined) throw new Error('unreadable')
      return ''
    }
    const storage = () => ({ get: () => null, set: () => {} })
    app.addConstraintStrategy({ name: 'cookie', storage, validate: () => {}, deriveConstraint })
    app.get('/own', { constraints: { cookie: 'a' } }, () => 'own')
  })
  const headers = { ...upgradeHeaders, cookie: 'a=1' }
  for (let n = 0; n < 2; n += 1) expect(await statusOf(base, '/nowhere', headers)).toBe('404')
  expect(await statusOf(base, '/socket/websocket?vsn=2.0.0', upgradeHeaders)).toBe('101')
})

test.each([undefined, LongPoll])(
  'the official client connects to "/socket/" (HANDSHAKE-5)',
  async (transport) => {
    const { base } = await serve()
    provideXmlHttpRequest()
    const socket = new Socket(`${base.replace('http', 'ws')}/socket/`, { transport: transport ?? WebSocket })
    endAfterTest(socket)
    await new Promise<void>((resolve) => {
      socket.onOpen(resolve)
      socket.connect()
    })
  },
)

test('Socket.IO attached after listen gets its upgrades, and our mounts get theirs (HANDSHAKE-5)', async () => {
  const { app, base } = await serve()
  const io = new SocketIo(app.server, { transports: ['websocket'] })
  onTestFinished(() => void io.engine.close())
  const ws = base.replace('http', 'ws')
  const theirs = await connect(`${ws}/socket.io/?EIO=4&transport=websocket`)
  expect(String(await theirs.next())).toContain('"sid"')
  const ours = await connect(`${ws}/socket//websocket?vsn=2.0.0`)
  await ours.nothing()
})
