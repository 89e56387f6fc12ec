import { createRequire } from 'node:module'
import type { FastifyInstance } from 'fastify'
import { expect } from 'vitest'
import { endAfterTest, SOON } from '../../helpers/official-socket.ts'
import { signedIn } from '../../helpers/tokens.ts'
import { until } from '../../helpers/until.ts'
import { type Options, type Server, serve } from './fixture.ts'

const require = createRequire(import.meta.url)

type Phoenix = typeof import('phoenix')
type Socket = InstanceType<Phoenix['Socket']>
type Push = ReturnType<ReturnType<Socket['channel']>['push']>

/** Join, ask, hear a broadcast, crash and be back, leave. */
export async function scenario(socket: Socket): Promise<void> {
  const channel = socket.channel('room:m', {})
  const heard: unknown[] = []
  channel.on('bc', (payload) => void heard.push(payload))
  expect(await answer(channel.join())).toEqual({})
  expect(await answer(channel.push('echo', { a: 1 }))).toEqual({ a: 1 })
  expect(await answer(channel.push('bc_reply', { z: 1 }))).toEqual({})
  expect(heard).toEqual([{ z: 1 }])
  const crashed = new Promise((resolve) => channel.onError(resolve))
  channel.push('raise', {})
  await crashed
  await until(() => channel.state === 'joined')
  expect(await answer(channel.push('echo', { a: 2 }))).toEqual({ a: 2 })
  expect(await answer(channel.leave())).toEqual({})
}

type SocketOptions = Record<string, unknown>

/** A server and a client of this published version that is on its way to it. */
export async function connected(
  version: string,
  options: SocketOptions,
  mount: Options = {},
  prepare?: (app: FastifyInstance) => void,
): Promise<{ server: Server; socket: Socket }> {
  const { Socket } = load(version)
  const server = await serve(mount, 0, prepare)
  const socket = new Socket(`${server.base.replace('http', 'ws')}/socket`, {
    ...SOON,
    ...options,
    params: { ...signedIn(), ...Object(options['params']) },
  })
  endAfterTest(socket)
  socket.connect()
  return { server, socket }
}

/** A published version of the client. */
export function load(version: string): Phoenix {
  // The aliases have no types of their own; what is used here has not changed since 1.3.
  return require(version) as Phoenix
}

/** The reply to a push; rejects on an error or after the client's timeout. */
export function answer(push: Push): Promise<unknown> {
  return new Promise((resolve, reject) => {
    push.receive('ok', resolve).receive('error', reject).receive('timeout', reject)
  })
}

/** A `sessionStorage`. */
export function storage(stored: Map<string, string>): object {
  return {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  }
}
