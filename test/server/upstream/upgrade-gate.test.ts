import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { CLOSE_TIMEOUT_MS, UpgradeGate } from '../../../server/upstream/upgrade-gate.ts'

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'

/** A gate whose router knows these paths. */
function gateOf(paths: readonly string[], isDraining = () => false): UpgradeGate {
  const find = ({ url = '/' }: IncomingMessage) => {
    const path = url.split('?')[0] ?? url
    return { path: paths.includes(path) ? path : null, isRefused: false }
  }
  return new UpgradeGate({ isDraining, find })
}

/** An HTTP server whose upgrades go through a gate; mounted paths answer 101 and their own path. */
async function setUp(paths: string[] = ['/socket/websocket'], before?: (server: Server) => void) {
  const state = { isDraining: false }
  const server = createServer(plain)
  before?.(server)
  const gate = gateOf(paths, () => state.isDraining)
  for (const path of paths) {
    gate.mount(path).on('upgrade', (_request: IncomingMessage, socket: Socket) => {
      socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${path}`)
    })
  }
  gate.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { server, state, port: (server.address() as AddressInfo).port }
}

/** Answers with what it was asked. */
function plain(request: IncomingMessage, response: ServerResponse): void {
  text(request).then(
    (body) => {
      const { method, url, headers } = request
      response.setHeader('connection', 'close')
      response.end(JSON.stringify({ method, url, body, upgrade: headers.upgrade, kept: headers['x-kept'] }))
    },
    () => response.destroy(),
  )
}

/** All that the server says to these bytes until it hangs up. */
async function say(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(request)
  return text(socket)
}

const get = (path: string, headers: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`

test.each(['/socket/websocket', '/socket/websocket?vsn=2.0.0'])(
  'handles the upgrades of a mount: %s',
  async (path) => {
    const { port } = await setUp()
    expect(await say(port, get(path, UPGRADE))).toBe(
      'HTTP/1.1 101 Switching Protocols\r\n\r\n/socket/websocket',
    )
  },
)

test('each mount gets its own upgrades', async () => {
  const { port } = await setUp(['/socket/websocket', '/admin/websocket'])
  expect(await say(port, get('/admin/websocket', UPGRADE))).toContain('\r\n\r\n/admin/websocket')
})

test.each(['/', '/socket', '/socket/websocket/', '/socket//websocket', '/Socket/websocket', '/other'])(
  'answers 404 to an upgrade to a path that is not a mount: %s',
  async (path) => {
    const { port } = await setUp()
    expect(await say(port, get(path, UPGRADE))).toBe(
      'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    )
  },
)

test('while the server drains, upgrades are refused with 503 and a Retry-After', async () => {
  const { port, state } = await setUp()
  state.isDraining = true
  expect(await say(port, get('/socket/websocket', UPGRADE))).toBe(
    'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  )
})

test('a refused client that resets the connection at once does no harm', async () => {
  const { port } = await setUp()
  const socket = connect(port, '127.0.0.1')
  socket.write(get('/other', UPGRADE))
  await once(socket, 'connect')
  socket.resetAndDestroy()
  expect(await say(port, get('/other', UPGRADE))).toContain('404')
})

test('a GET that offers h2c is served as plain HTTP, on any path', async () => {
  const { port } = await setUp()
  for (const path of ['/api?x=1', '/socket/websocket']) {
    const answer = await say(port, get(path, `${H2C}X-Kept: yes\r\n`))
    expect(answer).toContain('HTTP/1.1 200 OK')
    expect(answer).toContain(JSON.stringify({ method: 'GET', url: path, body: '', kept: 'yes' }))
  }
})

test('a POST that offers h2c keeps its body, even if the body arrives later', async () => {
  const { port } = await setUp()
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(`POST /api HTTP/1.1\r\nHost: a\r\n${H2C}Content-Length: 10\r\n\r\nhello`)
  setImmediate(() => socket.write('world'))
  expect(await text(socket)).toContain('{"method":"POST","url":"/api","body":"helloworld"')
})

test('a request behind a POST that offers h2c is answered, or the connection ends', async () => {
  const { port } = await setUp([], (server) => {
    server.removeAllListeners('request')
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      request.resume().on('end', () => response.end('served'))
    })
  })
  const post = `POST /api HTTP/1.1\r\nHost: a\r\n${H2C}Content-Length: 5\r\n\r\nhello`
  expect(await say(port, post + get('/next', 'Connection: close\r\n'))).toContain('served')
})

test('listeners that were there before get the upgrades that are for no mount', async () => {
  const { port } = await setUp(['/socket/websocket'], (server) => {
    server.on('upgrade', (request: IncomingMessage, socket: Socket) => socket.end(`theirs ${request.url}`))
  })
  expect(await say(port, get('/other', UPGRADE))).toBe('theirs /other')
  expect(await say(port, get('/other', H2C))).toBe('theirs /other')
  expect(await say(port, get('/socket/websocket', UPGRADE))).toContain('101')
})

test('two gates of one server each handle their own upgrades', async () => {
  const second = gateOf(['/second'])
  second.mount('/second').on('upgrade', (_request: IncomingMessage, socket: Socket) => socket.end('second'))
  const { port, server } = await setUp(['/first'])
  second.attach(server)
  expect(await say(port, get('/second', UPGRADE))).toBe('second')
  expect(await say(port, get('/first', UPGRADE))).toContain('/first')
  expect(await say(port, get('/third', UPGRADE))).toContain('404')
})

test('WebSockets that are still open some time after the stop are destroyed (DRAIN-5)', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const gate = gateOf(['/socket/websocket'])
  const server = createServer()
  const sockets = [new PassThrough(), new PassThrough()] as const
  gate.mount('/socket/websocket').on('upgrade', (_request, socket: PassThrough) => {
    socket.resume()
    gate.upgraded(socket)
  })
  gate.attach(server)
  const request = { url: '/socket/websocket', headers: { upgrade: 'websocket' } }
  for (const socket of sockets) server.emit('upgrade', request, socket, Buffer.alloc(0))
  gate.end()
  vi.advanceTimersByTime(CLOSE_TIMEOUT_MS - 1)
  expect(sockets[0].destroyed).toBe(false)
  vi.advanceTimersByTime(1)
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true])
})

test('an upgrade that its mount does not handle is destroyed (HANDSHAKE-7)', () => {
  const gate = gateOf(['/socket/websocket'])
  gate.mount('/socket/websocket')
  const server = createServer()
  gate.attach(server)
  const socket = new PassThrough()
  const request = { url: '/socket/websocket', headers: { upgrade: 'websocket' } }
  server.emit('upgrade', request, socket, Buffer.alloc(0))
  expect(socket.destroyed).toBe(true)
})

test('listeners that are added later get the upgrades that are for no mount, and no others', async () => {
  const { port, server } = await setUp()
  const theirs: (string | undefined)[] = []
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    theirs.push(request.url)
    socket.end('theirs')
  })
  expect(await say(port, get('/socket/websocket', UPGRADE))).toContain('101')
  expect(await say(port, get('/other', UPGRADE))).toBe('theirs')
  expect(theirs).toEqual(['/other'])
})

/** An upgrade that a mount was handed, and what it has read of it. */
type Handed = { path: string; errorListeners: number; read: string }

/** A server on whose next upgrade of `/held` a crowd comes first, so that it waits for some turns of the loop. */
async function crowded() {
  const { port, server, state } = await setUp([])
  const handed: Handed[] = []
  const gate = gateOf(['/held', '/crowd'], () => state.isDraining)
  gate.mount('/held').on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const errorListeners = socket.listenerCount('error')
    const upgrade: Handed = { path: request.url ?? '', errorListeners, read: '' }
    handed.push(upgrade)
    socket.unshift(head)
    socket.on('data', (bytes) => {
      upgrade.read += String(bytes)
    })
    socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  })
  gate.mount('/crowd').on('upgrade', () => {
    const end = performance.now() + 3
    while (performance.now() < end);
  })
  gate.attach(server)
  const held = new Promise<Socket>((resolve) => {
    server.prependOnceListener('upgrade', (_request: IncomingMessage, socket: Socket) => {
      const request = { url: '/crowd', headers: { upgrade: 'websocket' } }
      // A slice of 10 ms takes four of them, so the last wait for eight turns.
      for (let n = 0; n < 40; n += 1) server.emit('upgrade', request, new PassThrough(), Buffer.alloc(0))
      resolve(socket)
    })
  })
  /** A client that waits. */
  const arrive = async (more = '') => {
    const client = connect(port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
    client.write(get('/held', UPGRADE) + more)
    return { client, socket: await held }
  }
  return { port, state, handed, arrive }
}

describe('an upgrade in a burst', () => {
  test('waits for a later turn of the event loop, and is then handled (LIMIT-4)', async () => {
    const { handed, arrive } = await crowded()
    const { client } = await arrive()
    let turns = 0
    while (handed.length === 0) {
      turns += 1
      await new Promise(setImmediate)
    }
    expect(turns).toBeGreaterThan(4)
    expect(await text(client)).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  })

  test('is handled like one that did not wait', async () => {
    const { port, handed, arrive } = await crowded()
    const { client } = await arrive()
    await text(client)
    await say(port, get('/held', UPGRADE))
    const [held, other] = handed.map(({ errorListeners }) => errorListeners)
    expect(held).toBe(other)
  })

  test('keeps the bytes that arrived with it, and those that arrive while it waits', async () => {
    const { handed, arrive } = await crowded()
    const { client, socket } = await arrive('with it, ')
    client.end('after it')
    await once(socket, 'close')
    expect(handed.map(({ read }) => read)).toEqual(['with it, after it'])
  })

  test('is dropped if its client resets the connection in the meantime', async () => {
    const { port, handed, arrive } = await crowded()
    const { client, socket } = await arrive()
    client.resetAndDestroy()
    // `once` would listen for the error, too, which is what is to do no harm.
    await new Promise((resolve) => socket.on('close', resolve))
    expect(handed).toEqual([])
    expect(await say(port, get('/held?second', UPGRADE))).toContain('101')
    expect(handed.map(({ path }) => path)).toEqual(['/held?second'])
  })

  test('is handled even if its client has ended its side', async () => {
    const { handed, arrive } = await crowded()
    const { client } = await arrive()
    client.end()
    expect(await text(client)).toContain('101')
    expect(handed).toHaveLength(1)
  })

  test('is refused with 503 if the server starts to drain in the meantime', async () => {
    const { state, handed, arrive } = await crowded()
    const { client } = await arrive()
    state.isDraining = true
    expect(await text(client)).toContain('503 Service Unavailable\r\nRetry-After: 1\r\n')
    expect(handed).toEqual([])
  })
})
