import type { FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import {
  type ConnectInfo,
  type ConnectInfoKey,
  type ConnectSource,
  connectInfo,
  connectInfoKeys,
} from '../../../server/socket/connect-info.ts'

const source: ConnectSource = {
  peerData: { address: '127.0.0.1', port: 50_000 },
  uri: { scheme: 'http', host: 'localhost', port: 4000, path: '/socket/websocket', query: 'vsn=2.0.0' },
  headers: {
    host: 'localhost:4000',
    cookie: 'secret=1',
    'user-agent': 'test/1',
    'x-b': '2',
    'x-a': ['1', '3'],
    'x-none': undefined,
    'sec-websocket-key': 'key',
    'sec-websocket-protocol': 'phoenix',
    traceparent: '00-1-2-01',
    tracestate: 'a=b',
    traceparents: 'no',
  },
  authToken: 'abc',
  // Only handed on.
  request: { id: 'req-1' } as FastifyRequest,
}

const everything: Required<ConnectInfo> = {
  peerData: source.peerData,
  uri: source.uri,
  userAgent: 'test/1',
  xHeaders: [
    ['x-b', '2'],
    ['x-a', '1'],
    ['x-a', '3'],
  ],
  secWebsocketHeaders: [
    ['sec-websocket-key', 'key'],
    ['sec-websocket-protocol', 'phoenix'],
  ],
  traceContextHeaders: [
    ['traceparent', '00-1-2-01'],
    ['tracestate', 'a=b'],
  ],
  authToken: 'abc',
  cookies: Object.assign(Object.create(null), { secret: '1' }),
  headers: source.headers,
  request: source.request,
}
const keys = Object.keys(everything) as ConnectInfoKey[]

test.each(keys)('passes only %s if only that is listed', (key) => {
  expect(connectInfo([key], source)).toStrictEqual({ [key]: everything[key] })
})

test('passes every key that is listed', () => {
  expect(connectInfo(keys, source)).toStrictEqual(everything)
})

test('passes nothing by default', () => {
  expect(connectInfo([], source)).toStrictEqual({})
})

test('passes null for data that the client did not send', () => {
  const silent = { ...source, headers: {}, authToken: null }
  expect(connectInfo(['userAgent', 'xHeaders', 'authToken', 'cookies'], silent)).toStrictEqual({
    userAgent: null,
    xHeaders: [],
    authToken: null,
    cookies: Object.create(null),
  })
})

test('passes a copy of the headers, because an upgrade changes those of its request', () => {
  const headers = { ...source.headers }
  const info = connectInfo(['headers'], { ...source, headers })
  delete headers['sec-websocket-protocol']
  expect(info.headers?.['sec-websocket-protocol']).toBe('phoenix')
})

test('uses the first of several user agents', () => {
  expect(connectInfo(['userAgent'], { ...source, headers: { 'user-agent': ['a', 'b'] } })).toEqual({
    userAgent: 'a',
  })
})

test('accepts every known key', () => {
  expect(connectInfoKeys(keys)).toBeNull()
})

test.each(['peer_data', 'cookie', 'toString', '__proto__', '', 1, null])(
  'refuses the key %j and lists the valid ones',
  (key) => {
    const legal = `${keys.map((known) => `"${known}"`).join(', ')}`.replace(/, (?=\S+$)/, ' or ')
    expect(connectInfoKeys(['uri', key])).toEqual({
      path: '[1]',
      words: `must be ${legal} (got ${JSON.stringify(key)})`,
    })
  },
)
