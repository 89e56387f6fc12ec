import { expect, test } from 'vitest'
import { PathPattern } from '../../../server/transport/path-pattern.ts'

test.each([
  ['/socket/websocket', '/socket/websocket', true],
  ['/socket/websocket', '/socket/websocket?a=/b', true],
  ['/socket/websocket', '/socket/websocket/', false],
  ['/socket/websocket', '/socket', false],
  ['/socket/websocket', '', false],
  ['/c/:room/websocket', '/c/1/websocket?vsn=2.0.0', true],
  ['/c/:room/websocket', '/c/websocket', false],
  ['/c/:room/websocket', '/c//websocket', false],
  ['/c/:room/websocket', '/c/1/2/websocket', false],
])('the pattern %s and the URL %s', (pattern, url, expected) => {
  expect(new PathPattern(pattern).fits(url)).toBe(expected)
})
