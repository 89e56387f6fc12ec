import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { expect, test, vi } from 'vitest'
import { Http2Sessions } from '../../../server/upstream/http2-sessions.ts'

test.each([
  [100, 100],
  [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1],
])('announces a maximum of %i streams as %i, the highest that HTTP/2 can express', (max, announced) => {
  const server = createServer()
  new Http2Sessions(server, max)
  const settings = vi.fn()
  server.emit('session', Object.assign(new EventEmitter(), { settings }))
  expect(settings.mock.calls).toEqual([[{ maxConcurrentStreams: announced }]])
})
