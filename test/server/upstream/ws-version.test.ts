import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { UsageError } from '../../../server/errors.ts'
import { checkWsVersion } from '../../../server/upstream/ws-version.ts'

test('the installed ws is accepted', () => {
  const server = new WebSocketServer({ noServer: true })
  expect(() => checkWsVersion(server.options)).not.toThrow()
})

test.each([
  ['8.18.3', {}],
  ['8.22.2', { maxFragments: 16_384, maxBufferedChunks: 262_144 }],
])('ws %s is refused with an error, because it does not bound floods', (version, options) => {
  const check = () => checkWsVersion(options, version)
  expect(check).toThrow(UsageError)
  expect(check).toThrow(
    `@fastify/websocket must use ws 8.23.0 or later (got ${version}): older versions do not limit floods of ` +
      'pings and fragments. Run npm i ws@^8.23.0',
  )
})

test('the checked version is that of the ws that @fastify/websocket uses', () => {
  expect(() => checkWsVersion({})).toThrow(/got 8\.\d+\.\d+\)/)
})
