import { expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { UsageError } from '../../../server/errors.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { type MountOptions, resolveMount } from '../../../server/transport/mount.ts'

const socket = defineSocket({ connect: () => ({ ok: {} }) })

test('a mount without options has all defaults: WebSocket on, long-poll off', () => {
  const mount = resolveMount('/socket', socket)
  expect(mount).toMatchObject({
    path: '/socket',
    socket,
    websocket: {
      path: '/websocket',
      timeout: 60_000,
      messageTimeout: 30_000,
      maxFrameSize: 1_048_576,
      maxBufferedBytes: 1_048_576,
      compress: false,
      subprotocols: null,
    },
    longpoll: null,
    connectInfo: [],
    authToken: false,
    drainer: { batchSize: 10_000, batchInterval: 2_000, shutdown: 30_000 },
  })
  expect(mount.refuse('why', {})).toEqual({ status: 403 })
  expect(Object.isFrozen(mount)).toBe(true)
})

test('given options replace their defaults, the others stay', () => {
  const refuse = () => ({ status: 429 })
  const mount = resolveMount('/socket/', {
    socket,
    websocket: { timeout: 300, path: 'ws', subprotocols: ['sip'] },
    drainer: { batchSize: 5 },
    connectInfo: ['uri'],
    refuse,
  })
  expect(mount).toMatchObject({
    path: '/socket',
    websocket: { timeout: 300, path: '/ws', maxFrameSize: 1_048_576, subprotocols: ['sip'] },
    drainer: { batchSize: 5, batchInterval: 2_000 },
    connectInfo: ['uri'],
    refuse,
  })
})

test.each(['ws', '/ws', '//ws'])('the end of the path may begin with a slash: %s', (path) => {
  expect(resolveMount('/socket', { socket, websocket: { path } }).websocket?.path).toBe('/ws')
})

test('a mount can turn WebSocket off', () => {
  expect(resolveMount('/socket', { socket, websocket: false }).websocket).toBeNull()
})

test('a mount that accepts tokens passes them to connect and chooses the sub-protocol phoenix (AUTH-2)', () => {
  const mount = resolveMount('/socket', {
    socket,
    authToken: true,
    connectInfo: ['uri'],
    websocket: { subprotocols: ['sip'] },
  })
  expect(mount.connectInfo).toEqual(['uri', 'authToken'])
  expect(mount.websocket?.subprotocols).toEqual(['phoenix', 'sip'])
  const listed = resolveMount('/socket', { socket, authToken: true, connectInfo: ['authToken'] })
  expect(listed.connectInfo).toEqual(['authToken'])
})

test('the keys that the socket and the mount list are merged, each once', () => {
  const asking = defineSocket({ connectInfo: ['cookies', 'uri'], connect: () => ({ ok: {} }) })
  expect(resolveMount('/socket', asking).connectInfo).toEqual(['cookies', 'uri'])
  const mount = resolveMount('/socket', { socket: asking.id(() => null), connectInfo: ['uri', 'request'] })
  expect(mount.connectInfo).toEqual(['cookies', 'uri', 'request'])
})

test("limits and filterParameters of a mount take precedence over the plugin's, each limit separately", () => {
  const plugin = { limits: { maxChannels: 5, messageRate: 7, maxConnections: 9 }, filterParameters: ['pin'] }
  expect(resolveMount('/socket', socket, plugin).settings).toMatchObject({
    limits: plugin.limits,
    filterParameters: ['pin'],
  })
  const own = { limits: { messageRate: 70 }, filterParameters: ['card'] }
  const { settings } = resolveMount('/socket', { socket, ...own }, plugin)
  expect(settings).toMatchObject({
    limits: { maxChannels: 5, messageRate: 70, maxConnections: 9, joinRate: 100 },
    filterParameters: ['card'],
  })
  expect(settings.rates.messages.msPerToken).toBe(1_000 / 70)
})

test('without a drainer all connections are closed in one batch', () => {
  expect(resolveMount('/socket', { socket, drainer: false }).drainer.batchSize).toBe(Number.MAX_SAFE_INTEGER)
})

/** As the define function of another copy of the package marks what it returns. */
function ofAnotherCopy(maker: string): object {
  return Object.defineProperty({}, Symbol.for('fastify-phoenix.made'), { value: maker })
}

/** Values that only plain JavaScript could pass. */
const illegal: [unknown, string][] = [
  [
    undefined,
    'mount "/socket" must be the result of defineSocket, or an object { socket: defineSocket(...) } (got undefined)',
  ],
  [null, 'must be the result of defineSocket, or an object'],
  ['UserSocket', 'must be the result of defineSocket, or an object'],
  [{}, '`socket` must be the result of defineSocket (got undefined)'],
  [{ socket: {} }, '`socket` must be the result of defineSocket (got an empty object)'],
  [{ socket, longPoll: true }, 'mount "/socket" has an unknown key "longPoll" (did you mean "longpoll"?)'],
  [{ socket, websocket: { timout: 1 } }, '`websocket` has an unknown key "timout" (did you mean "timeout"?)'],
  [defineUntypedChannel('a', { join: () => ({ ok: {} }) }), '(got the result of defineChannel)'],
  [ofAnotherCopy('defineSocket'), 'got a result from another copy of fastify-phoenix'],
  [{ socket: ofAnotherCopy('defineSocket') }, 'got a result from another copy of fastify-phoenix'],
  [{ socket, websocket: { timeout: 0 } }, '`websocket.timeout` must be a positive integer (got 0)'],
  [{ socket, websocket: { timeout: '60' } }, '`websocket.timeout` must be a positive integer (got "60")'],
  [
    { socket, websocket: { messageTimeout: 0 } },
    '`websocket.messageTimeout` must be a positive integer (got 0)',
  ],
  [{ socket, longpoll: { maxFrameSize: -1 } }, '`longpoll.maxFrameSize` must be a positive integer (got -1)'],
  [
    { socket, websocket: { maxFrameSize: 1.5 } },
    '`websocket.maxFrameSize` must be a positive integer (got 1.5)',
  ],
  [
    { socket, websocket: { maxBufferedBytes: -1 } },
    '`websocket.maxBufferedBytes` must be a positive integer (got -1)',
  ],
  [
    { socket, longpoll: { windowMs: null } },
    '`longpoll.windowMs` must be an integer number of milliseconds from 1',
  ],
  [{ socket, drainer: { batchSize: 0 } }, '`drainer.batchSize` must be a positive integer (got 0)'],
  [{ socket, connectInfo: ['cookie'] }, '`connectInfo[0]` must be "peerData", '],
  [{ socket, limits: { maxChannels: 0 } }, '`limits.maxChannels` must be a positive integer (got 0)'],
  [{ socket, limits: { channels: 1 } }, '`limits` has an unknown key "channels"'],
  [
    { socket, limits: { maxConnections: 1 } },
    '`limits` has an unknown key "maxConnections" (a limit of the whole plugin: set it in the plugin options).',
  ],
  [{ socket, filterParameters: 'pin' }, '`filterParameters` must be an array (got "pin")'],
  [{ socket, filterParameters: [1] }, '`filterParameters[0]` must be a non-empty string (got 1)'],
  [{ socket, checkOrigin: ['*.example.com'] }, "`checkOrigin[0]` must be an origin with '//' and a host"],
  [{ socket, checkOrigin: ['http://a:*'] }, 'and optionally a numeric port'],
  [{ socket, checkOrigin: ['https://example.com/app'] }, 'but no path'],
  [{ socket, checkOrigin: ['//example.com?a'] }, 'but no path'],
  [{ socket, checkOrigin: ['//'] }, "`checkOrigin[0]` must be an origin with '//' and a host"],
  [{ socket, checkOrigin: [1] }, "`checkOrigin[0]` must be an origin with '//' and a host"],
  [{ socket, checkOrigin: true }, '`checkOrigin: true` requires `urlHost`'],
  [
    { socket, checkOrigin: true, urlHost: 'https://example.com' },
    '`urlHost` must be a host without a scheme',
  ],
  [{ socket, checkOrigin: true, urlHost: 'example.com:443' }, '`urlHost` must be a host without a scheme'],
  [{ socket, checkOrigin: true, urlHost: 'example.com/chat' }, '`urlHost` must be a host without a scheme'],
  [{ socket, checkOrigin: true, urlHost: '::1' }, '`urlHost` must be a host without a scheme'],
  [{ socket, checkOrigin: true, urlHost: '' }, '`urlHost` must be a host without a scheme'],
  [{ socket, checkOrigin: 'all' }, "`checkOrigin` must be true, false, 'same-host'"],
  [{ socket, checkOrigin: 1 }, "`checkOrigin` must be true, false, 'same-host'"],
]
test.each(illegal)('refuses an invalid option with a message: %#', (options, message) => {
  const resolve = () => resolveMount('/socket', options as MountOptions)
  expect(resolve).toThrow(UsageError)
  expect(resolve).toThrow(message)
})

test.each([
  ['/socket/websocket', '"/socket", because clients append "/websocket"'],
  ['/longpoll/', '"/", because clients append "/longpoll"'],
])('refuses a path with the end that clients append: %s', (path, legal) => {
  expect(() => resolveMount(path, socket)).toThrow(
    `mount path must be ${legal} to the mount path (got "${path}")`,
  )
})

test('refuses a path that does not begin with /', () => {
  expect(() => resolveMount('socket', socket)).toThrow('mount path must start with "/" (got "socket")')
})
