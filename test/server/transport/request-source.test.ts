import type { FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { ownQueryOf } from '../../../server/transport/request-source.ts'

test.each([
  ['/socket/longpoll?vsn=2.0.0&token=session', 'vsn=2.0.0'],
  ['/socket/longpoll?token=session&vsn=2.0.0', 'vsn=2.0.0'],
  ['/socket/longpoll?token=own&token=session', 'token=own'],
])('the client’s own query of %s is %j if this server has signed the last token (LONGPOLL-3)', (url, own) => {
  expect(ownQueryOf({ raw: { url } } as FastifyRequest, true)).toBe(own)
})

test.each([
  ['/socket/longpoll', ''],
  ['/socket/longpoll?vsn=2.0.0', 'vsn=2.0.0'],
  ['/socket/longpoll?vsn=2.0.0&token=own', 'vsn=2.0.0&token=own'],
  ['/socket/longpoll?token=own&vsn=2.0.0&token=session', 'token=own&vsn=2.0.0'],
  ['/socket/longpoll?token=own&token=session&vsn=2.0.0', 'token=own&vsn=2.0.0'],
  ['/socket/longpoll?mytoken=a&token=own', 'mytoken=a&token=own'],
])('the client’s own query of %s is %j: of two tokens the last is the session’s (LONGPOLL-3)', (url, own) => {
  // Nothing else of a request is read.
  expect(ownQueryOf({ raw: { url } } as FastifyRequest, false)).toBe(own)
})
